/* Layer norms and gains over many rows: those of ops.h row by row, whatever the number of threads. */
#include "clip/math/norm_rows.h"

#include "clip/base/arena.h"
#include "clip/math/ops.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 37, C = 21, SIZE = ROWS * C };

typedef struct {
    Arena *arena;
    Pool *pool;
    float *x, *d, *w, *b, *y, *want, *mean, *rstd;
} Bench;

static Bench open_bench(int threads) {
    Bench b = {.arena = arena_create(), .pool = pool_create(threads)};
    float **all[] = {&b.x, &b.d, &b.w, &b.b, &b.y, &b.want, &b.mean, &b.rstd};
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++) {
        *all[i] = arena_floats(b.arena, SIZE, 1);
        fill_normal(*all[i], SIZE, 1, i);
    }
    return b;
}

static void close_bench(Bench *b) {
    pool_free(b->pool);
    arena_free(b->arena);
}

static void test_norm(void **state) {
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        Bench b = open_bench(threads);
        float mean[ROWS], rstd[ROWS];
        layer_norm_forward(b.want, mean, rstd, b.x, b.w, b.b, 0.1f, ROWS, C);
        norm_rows_forward(b.pool, b.y, b.mean, b.rstd, b.x, b.w, b.b, 0.1f, ROWS, C);
        assert_memory_equal(b.y, b.want, SIZE * sizeof(float));
        assert_memory_equal(b.mean, mean, sizeof mean);
        assert_memory_equal(b.rstd, rstd, sizeof rstd);

        memset(b.want, 0, SIZE * sizeof(float));
        layer_norm_backward(b.want, b.d, b.x, mean, rstd, b.w, ROWS, C);
        norm_rows_backward(b.pool, b.y, NULL, b.d, b.x, mean, rstd, b.w, ROWS, C);
        assert_memory_equal(b.y, b.want, SIZE * sizeof(float));
        memcpy(b.want, b.b, SIZE * sizeof(float));
        layer_norm_backward(b.want, b.d, b.x, mean, rstd, b.w, ROWS, C);
        norm_rows_backward(b.pool, b.y, b.b, b.d, b.x, mean, rstd, b.w, ROWS, C);
        assert_memory_equal(b.y, b.want, SIZE * sizeof(float));
        norm_rows_backward(b.pool, b.b, b.b, b.d, b.x, mean, rstd, b.w, ROWS, C);
        assert_memory_equal(b.b, b.want, SIZE * sizeof(float));

        norm_rows_forward(b.pool, b.x, NULL, NULL, b.x, b.w, b.w, 0.1f, 0, C); /* no rows */
        close_bench(&b);
    }
}

static void test_gain(void **state) {
    (void)state;
    Bench b = open_bench(2);
    for (int i = 0; i < SIZE; i++)
        b.want[i] = b.d[i] + b.x[i] * b.w[i % C];
    gain_rows(b.pool, b.y, b.d, b.x, b.w, ROWS, C);
    assert_close("with a start", b.y, b.want, SIZE, 1e-6);
    for (int i = 0; i < SIZE; i++)
        b.want[i] -= b.d[i];
    gain_rows(b.pool, b.x, NULL, b.x, b.w, ROWS, C);
    assert_close("in place", b.x, b.want, SIZE, 1e-6);
    close_bench(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_norm), cmocka_unit_test(test_gain)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
