/* Sums over rows: against sums in double, added to what is there, the same for any number of threads. */
#include "clip/math/column_sums.h"

#include "clip/base/arena.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 301, N = 150, SIZE = ROWS * N };

typedef struct {
    Arena *arena;
    float *d, *x, *mean, *rstd;
    float want[3][N]; /* of d; of d x; of d (x - mean) rstd, each on top of 2 */
} Bench;

static Bench open_bench(void) {
    Bench b = {.arena = arena_create()};
    b.d = arena_floats(b.arena, SIZE, 1);
    b.x = arena_floats(b.arena, SIZE, 1);
    b.mean = arena_floats(b.arena, ROWS, 1);
    b.rstd = arena_floats(b.arena, ROWS, 1);
    fill_normal(b.d, SIZE, 1, 1);
    fill_normal(b.x, SIZE, 1, 2);
    fill_normal(b.mean, ROWS, 1, 3);
    fill_normal(b.rstd, ROWS, 1, 4);
    for (int c = 0; c < N; c++) {
        double sums[3] = {2, 2, 2};
        for (int r = 0; r < ROWS; r++) {
            const double d = (double)b.d[r * N + c], x = (double)b.x[r * N + c];
            sums[0] += d;
            sums[1] += d * x;
            sums[2] += d * (x - (double)b.mean[r]) * (double)b.rstd[r];
        }
        for (int i = 0; i < 3; i++)
            b.want[i][c] = (float)sums[i];
    }
    return b;
}

static void fill_two(float sums[3][N]) {
    for (int i = 0; i < 3 * N; i++)
        sums[i / N][i % N] = 2;
}

static void test_sums(void **state) {
    (void)state;
    Bench b = open_bench();
    float first[3][N];
    for (int threads = 1; threads <= 3; threads++) {
        Pool *pool = pool_create(threads);
        float got[3][N], bias[N];
        fill_two(got);
        memcpy(bias, got[0], sizeof bias);
        bias_gradient(pool, bias, b.d, ROWS, N);
        gain_gradient(pool, got[1], b.d, b.x, ROWS, N);
        norm_gradients(pool, got[2], got[0], b.d, b.x, b.mean, b.rstd, ROWS, N);
        for (int i = 0; i < 3; i++)
            assert_close("sums", got[i], b.want[i], N, 1e-6);
        assert_memory_equal(bias, got[0], sizeof bias);
        if (threads == 1)
            memcpy(first, got, sizeof got);
        assert_memory_equal(first, got, sizeof got);
        pool_free(pool);
    }
    arena_free(b.arena);
}

/* One of two may not be asked for. */
static void test_halves(void **state) {
    (void)state;
    Bench b = open_bench();
    float got[3][N];
    fill_two(got);
    norm_gradients(NULL, NULL, NULL, b.d, b.x, b.mean, b.rstd, ROWS, N);
    norm_gradients(NULL, got[2], NULL, b.d, b.x, b.mean, b.rstd, ROWS, N);
    norm_gradients(NULL, NULL, got[0], b.d, b.x, b.mean, b.rstd, ROWS, N);
    assert_close("gain", got[2], b.want[2], N, 1e-6);
    assert_close("bias", got[0], b.want[0], N, 1e-6);
    arena_free(b.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sums), cmocka_unit_test(test_halves)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
