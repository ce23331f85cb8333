/* Products with packed matrices: against sums in double, for every kernel this processor has, whatever the
 * shape; and the bits of a row by itself. */
#include "clip/math/packed.h"

#include "clip/base/minimum.h"
#include "tests/support/packed_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const int PANELS[] = {64, 16, 0};

typedef struct {
    int rows, k, n;
} Shape;

static const Shape SHAPES[] = {{1, 1, 1},      {5, 3, 33},     {12, 64, 32},  {13, 64, 31},
                               {7, 512, 48},   {6, 20, 64},    {8, 30, 65},   {60, 128, 96},
                               {217, 100, 40}, {430, 513, 70}, {25, 1025, 64}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

/* start + bias + in b, in double */
static void reference(float *out, const float *in, const float *b, const float *bias, const float *start,
                      Shape s, bool transposed) {
    for (int i = 0; i < s.rows; i++)
        for (int j = 0; j < s.n; j++) {
            double sum = (bias ? (double)bias[j] : 0) + (start ? (double)start[i * s.n + j] : 0);
            for (int p = 0; p < s.k; p++)
                sum += (double)in[i * s.k + p] * (double)(transposed ? b[j * s.k + p] : b[p * s.n + j]);
            out[i * s.n + j] = (float)sum;
        }
}

static void product_is_the_sum(void **state) {
    (void)state;
    Pool *pool = pool_create(2);
    for (int c = 0; c < 3 * N_SHAPES * 4; c++) {
        Shape s = SHAPES[c / 12];
        int panel = PANELS[c % 3];
        bool transposed = c / 3 % 2, extras = c / 6 % 2;
        Arena *arena = arena_create();
        size_t size = (size_t)s.rows * (size_t)s.n;
        float *in = arena_floats(arena, (size_t)s.rows, (size_t)s.k),
              *b = arena_floats(arena, (size_t)s.k, (size_t)s.n);
        float *bias = arena_floats(arena, (size_t)s.n, 1), *start = arena_floats(arena, size, 1);
        float *got = arena_floats(arena, size, 1), *want = arena_floats(arena, size, 1);
        fill_normal(in, (size_t)s.rows * (size_t)s.k, 1, 1);
        fill_normal(b, (size_t)s.k * (size_t)s.n, 1, 2);
        fill_normal(bias, (size_t)s.n, 1, 3);
        fill_normal(start, size, 1, 4);
        PackedMatrix packed;
        if (packed_create_as(&packed, panel, b, s.k, s.n, transposed, arena)) {
            fill_normal(got, size, 1, 5); /* what was there before must not matter */
            packed_product(pool, got, in, &packed, extras ? bias : NULL, extras ? start : NULL, s.rows);
            reference(want, in, b, extras ? bias : NULL, extras ? start : NULL, s, transposed);
            assert_close("product", got, want, size, 1e-6);
            memcpy(got, start, size * sizeof *got); /* in place */
            packed_product(pool, got, in, &packed, NULL, got, s.rows);
            reference(want, in, b, NULL, start, s, transposed);
            assert_close("product in place", got, want, size, 1e-6);
        }
        arena_free(arena);
    }
    pool_free(pool);
}

static void row_has_bits_of_its_own(void **state) {
    (void)state;
    enum { K = 700, N = 100 };
    Arena *arena = arena_create();
    float *b = arena_floats(arena, K, N);
    fill_normal(b, (size_t)K * N, 1, 2);
    for (int p = 0; p < 2; p++) {
        PackedMatrix packed;
        if (packed_create_as(&packed, PANELS[p], b, K, N, true, arena))
            check_bits_of_rows(&packed);
    }
    arena_free(arena);
}

/* --- how a product is cut --- */

typedef struct {
    atomic_int n, largest; /* tiles; numbers of the largest one */
} Tiles;

static void count_tile(void *context, int row, int rows, int column, int columns) {
    Tiles *tiles = context;
    (void)row, (void)column;
    atomic_fetch_add(&tiles->n, 1);
    int size = rows * columns, largest = atomic_load(&tiles->largest);
    while (size > largest && !atomic_compare_exchange_weak(&tiles->largest, &largest, size))
        ;
}

/* The share of its time that a thread works, if all tiles of a size take as long. */
static double share_of_work(Precision precision, int rows, int n, int n_threads) {
    enum { K = 8 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(n_threads);
    float *in = arena_floats(arena, (size_t)rows, K), *b = arena_floats(arena, K, (size_t)n);
    float *out = arena_floats(arena, (size_t)rows, (size_t)n);
    PackedMatrix packed;
    Tiles tiles = {0};
    packed_create(&packed, b, K, n, true, precision, arena);
    packed_product_then(pool, out, in, &packed, NULL, NULL, rows, (PackedThen){count_tile, &tiles});
    const double rounds = ceil_div(tiles.n, n_threads) * (double)tiles.largest;
    pool_free(pool);
    arena_free(arena);
    return (double)rows * n / (rounds * n_threads);
}

/* Rows of a segment of prompts and of a tile of images, by the columns of text and image towers. */
static void threads_end_together(void **state) {
    (void)state;
    const int threads[] = {2, 8, 16}, rows[] = {336, 400, 430, 502, 512},
              columns[] = {512, 768, 1536, 2048, 3072};
    if (!packed_is_supported())
        skip();
    for (Precision precision = PRECISION_FLOAT32; precision <= PRECISION_BFLOAT16; precision++) {
        double sum = 0, least = 1;
        int n = 0;
        for (int t = 0; t < 3; t++)
            for (int r = 0; r < 5; r++)
                for (int c = 0; c < 5; c++, n++) {
                    const double share = share_of_work(precision, rows[r], columns[c], threads[t]);
                    sum += share;
                    least = share < least ? share : least;
                }
        printf("%s: a thread works %.0f %% of its time, at least %.0f %%\n", precision_name(precision),
               100 * sum / n, 100 * least);
        assert_true(sum / n > 0.95 && least > 0.85);
    }
}

static void no_rows_are_no_work(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    PackedMatrix packed;
    const float w[] = {1, 2, 3, 4};
    float guard = 7;
    packed_create(&packed, w, 2, 2, true, PRECISION_FLOAT32, arena);
    packed_product(pool, &guard, w, &packed, NULL, NULL, 0);
    assert_true(guard == 7);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_the_sum),
        cmocka_unit_test(row_has_bits_of_its_own),
        cmocka_unit_test(threads_end_together),
        cmocka_unit_test(no_rows_are_no_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
