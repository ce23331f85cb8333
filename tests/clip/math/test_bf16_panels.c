/* Factors in bfloat16: where each number goes, and lines that lie anywhere packed as a matrix is. */
#include "clip/math/bf16_panels.h"
#include "clip/math/packed_bf16.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { K = 75, WIDTH = 90, FIRST = 7, MISSING = 40 };

typedef struct {
    Arena *arena;
    float *matrix; /* (K, WIDTH), row MISSING is zero */
    const float *lines[K];
} Lines;

static int begin(void **state) {
    Lines *l = calloc(1, sizeof *l);
    l->arena = arena_create();
    l->matrix = arena_floats(l->arena, K, WIDTH);
    fill_normal(l->matrix, (size_t)K * WIDTH, 1, 1);
    memset(l->matrix + MISSING * WIDTH, 0, WIDTH * sizeof(float));
    for (int i = 0; i < K; i++)
        l->lines[i] = i == MISSING ? NULL : l->matrix + (size_t)i * WIDTH;
    *state = l;
    return 0;
}

static int end(void **state) {
    arena_free(((Lines *)*state)->arena);
    free(*state);
    return 0;
}

/* What was there before must not matter: there is something. */
static uint16_t *room(Arena *arena, size_t n) {
    uint16_t *halves = arena_alloc(arena, n, sizeof *halves);
    memset(halves, 0x77, n * sizeof *halves);
    return halves;
}

static void panels_hold_pairs_of_rows(void **state) {
    const Lines *l = *state;
    if (bf16_best_kernel() == BF16_NONE)
        skip();
    uint16_t *panel = room(l->arena, (size_t)bf16_padded(K) * BF16_PANEL), one[BF16_K_STEP];
    bf16_right(panel, l->matrix, WIDTH, false, K, BF16_PANEL);
    for (int i = 0; i < bf16_padded(K); i++)
        for (int j = 0; j < BF16_PANEL; j++) {
            const float zero = 0;
            bf16_round(one, i < K ? l->matrix + i * WIDTH + j : &zero, 1);
            assert_int_equal(panel[bf16_place(K, i, j)], one[0]);
        }
}

static void lines_are_packed_as_a_matrix_is(void **state) {
    const Lines *l = *state;
    if (bf16_best_kernel() == BF16_NONE)
        skip();
    const size_t kk = (size_t)bf16_padded(K);
    uint16_t *want = room(l->arena, kk * WIDTH), *got = room(l->arena, kk * WIDTH);
    for (int k = 1; k <= K; k++)
        for (int columns = 1; columns <= BF16_PANEL; columns += 31) {
            bf16_right(want, l->matrix + FIRST, WIDTH, false, k, columns);
            bf16_right_lines(got, l->lines, FIRST, columns, k);
            assert_memory_equal(got, want, (size_t)bf16_padded(k) * BF16_PANEL * sizeof *got);
        }
    for (int rows = 1; rows <= WIDTH - FIRST; rows += 41) {
        bf16_left(want, l->matrix + FIRST, WIDTH, true, rows, K);
        bf16_left_lines(got, l->lines, FIRST, rows, K);
        assert_memory_equal(got, want, kk * (size_t)rows * sizeof *got);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(panels_hold_pairs_of_rows, begin, end),
        cmocka_unit_test_setup_teardown(lines_are_packed_as_a_matrix_is, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
