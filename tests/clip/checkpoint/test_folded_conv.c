/* test_folded_conv.c: convolutions folded in each form, against the formula. */
#include "clip/checkpoint/folded_conv.h"

#include "clip/math/half.h"
#include "clip/math/packed_conv.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_OUT = 70, MOST = N_OUT * 400 }; /* a panel and a bit */

typedef struct {
    uint16_t halves[MOST];
    float raw[MOST], b[N_OUT];
    double scale[N_OUT];
    Tensor tensor;
    FoldedConv fold;
} Trial;

static void trial_fill(Trial *trial, int n_in, int kernel) {
    const int columns = n_in * kernel * kernel;
    assert_true(N_OUT * columns <= MOST);
    fill_normal(trial->raw, (size_t)N_OUT * (size_t)columns, 1, 1);
    fill_normal(trial->b, N_OUT, 1, 2);
    for (int i = 0; i < N_OUT * columns; i++) {
        trial->halves[i] = float_to_half(trial->raw[i]);
        half_to_float(&trial->raw[i], (const unsigned char *)&trial->halves[i], 1);
    }
    for (int o = 0; o < N_OUT; o++)
        trial->scale[o] = 0.3 + 0.01 * o;
    trial->tensor = (Tensor){.name = "w", .dtype = DTYPE_F16, .data = (const unsigned char *)trial->halves};
    trial->fold =
        (FoldedConv){.source = {.parts = {&trial->tensor}, .n_parts = 1, .rows = N_OUT, .columns = columns},
                     .n_in = n_in,
                     .n_out = N_OUT,
                     .kernel = kernel,
                     .scale = trial->scale,
                     .b = trial->b};
}

static void check(int n_in, int kernel) {
    static Trial trial;
    const size_t size = packed_conv_size(n_in, N_OUT, kernel);
    const size_t panel = packed_conv_place(n_in, kernel, PACKED_CONV_PANEL);
    const int area = kernel * kernel, columns = n_in * area;
    Arena *arena = arena_create();
    float *want = arena_floats(arena, size, 1), *got = arena_floats(arena, size, 1);
    float *plain = arena_floats(arena, (size_t)columns, N_OUT);
    trial_fill(&trial, n_in, kernel);
    for (int o = 0; o < N_OUT; o++) {
        float *at = want + packed_conv_place(n_in, kernel, o);
        *at = trial.b[o];
        for (int i = 0; i < columns; i++)
            at[(1 + i % area * n_in + i / area) * PACKED_CONV_PANEL] =
                (float)(trial.scale[o] * trial.raw[o * columns + i]);
    }
    trial.fold.panels = got;
    folded_conv_biases(&trial.fold);
    for (int first = 0; first < N_OUT; first += MATRIX_ROWS)
        folded_conv_put(&trial.fold, &trial.fold.source, trial.raw + first * columns, first,
                        N_OUT - first < MATRIX_ROWS ? N_OUT - first : MATRIX_ROWS);
    assert_memory_equal(got, want, size * sizeof *want);
    memset(got, 0x55, size * sizeof *got); /* what it is made in was used before */
    for (int index = 0; index < 2; index++)
        folded_conv_panel(&trial.fold, got + (size_t)index * panel, index);
    assert_memory_equal(got, want, size * sizeof *want);
    trial.fold.panels = NULL;
    trial.fold.w = plain;
    folded_conv_put(&trial.fold, &trial.fold.source, trial.raw, 0, N_OUT);
    for (int i = 0; i < columns; i++)
        for (int o = 0; o < N_OUT; o++)
            assert_true(plain[i * N_OUT + o] ==
                        want[packed_conv_place(n_in, kernel, o) + (size_t)(1 + i) * PACKED_CONV_PANEL]);
    arena_free(arena);
}

static void test_forms(void **state) {
    (void)state;
    if (packed_conv_size(1, 1, 1) == 0) {
        print_message("no kernels here\n");
        return;
    }
    check(3, 3);
    check(40, 3); /* more than is folded together */
    check(17, 1);
    check(400, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_forms)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
