/* Products in bfloat16: against sums in double of rounded factors, for every kernel this processor has,
 * whatever the shape; and the bits of a row by itself. */
#include "clip/math/packed.h"

#include "tests/support/packed_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const Bf16Kernel KERNELS[] = {BF16_AVX512, BF16_AMX};

typedef struct {
    int rows, k, n;
} Shape;

/* One, a tile and its neighbours, odd sums, more rows than a buffer holds, more of k than a block. */
static const Shape SHAPES[] = {{1, 1, 1},     {5, 3, 33},     {16, 32, 32},   {17, 64, 31},   {33, 31, 48},
                               {12, 512, 64}, {217, 100, 40}, {430, 513, 70}, {40, 2049, 33}, {3, 4100, 65}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

/* The nearest number with 8 bits of mantissa, of two the even one. */
static float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    const uint32_t rest = bits & 0xffff, odd = bits >> 16 & 1;
    bits -= rest;
    bits += rest > 0x8000 || (rest == 0x8000 && odd) ? 0x10000 : 0;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* start + bias + in b, in double */
static void reference(float *out, const float *in, const float *b, const float *bias, const float *start,
                      Shape s, bool transposed) {
    for (int i = 0; i < s.rows; i++)
        for (int j = 0; j < s.n; j++) {
            double sum = (bias ? (double)bias[j] : 0) + (start ? (double)start[i * s.n + j] : 0);
            for (int p = 0; p < s.k; p++)
                sum += (double)rounded(in[i * s.k + p]) *
                       (double)rounded(transposed ? b[j * s.k + p] : b[p * s.n + j]);
            out[i * s.n + j] = (float)sum;
        }
}

static void check_product(Pool *pool, Bf16Kernel kernel, Shape s, bool transposed, bool extras) {
    Arena *arena = arena_create();
    const size_t size = (size_t)s.rows * (size_t)s.n;
    float *in = arena_floats(arena, (size_t)s.rows, (size_t)s.k),
          *b = arena_floats(arena, (size_t)s.k, (size_t)s.n);
    float *bias = arena_floats(arena, (size_t)s.n, 1), *start = arena_floats(arena, size, 1);
    float *got = arena_floats(arena, size, 1), *want = arena_floats(arena, size, 1);
    fill_normal(in, (size_t)s.rows * (size_t)s.k, 1, 1);
    fill_normal(b, (size_t)s.k * (size_t)s.n, 1, 2);
    fill_normal(bias, (size_t)s.n, 1, 3);
    fill_normal(start, size, 1, 4);
    PackedMatrix packed, turned, back;
    if (packed_create_bf16(&packed, kernel, b, s.k, s.n, transposed, arena)) {
        reference(want, in, b, extras ? bias : NULL, extras ? start : NULL, s, transposed);
        fill_normal(got, size, 1, 5); /* what was there before must not matter */
        packed_product(pool, got, in, &packed, extras ? bias : NULL, extras ? start : NULL, s.rows);
        assert_close("product", got, want, size, 1e-6);

        packed_transpose(&turned, &packed, arena); /* and again is what it was */
        packed_transpose(&back, &turned, arena);
        float *again = arena_floats(arena, size, 1);
        memcpy(again, start, size * sizeof *again);
        packed_product(NULL, again, in, &back, extras ? bias : NULL, extras ? again : NULL,
                       s.rows); /* in place */
        assert_memory_equal(again, got, size * sizeof *got);
    }
    arena_free(arena);
}

static void product_is_the_sum(void **state) {
    (void)state;
    Pool *pool = pool_create(2);
    for (int c = 0; c < N_SHAPES * 8; c++)
        check_product(pool, KERNELS[c % 2], SHAPES[c / 8], c / 2 % 2, c / 4 % 2);
    pool_free(pool);
}

static void transpose_multiplies_the_other_way(void **state) {
    (void)state;
    enum { ROWS = 20, K = 70, N = 45 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    float *w = arena_floats(arena, K, N), *d_out = arena_floats(arena, ROWS, N);
    float *got = arena_floats(arena, ROWS, K), *want = arena_floats(arena, ROWS, K);
    fill_normal(w, (size_t)K * N, 1, 1);
    fill_normal(d_out, (size_t)ROWS * N, 1, 2);
    reference(want, d_out, w, NULL, NULL, (Shape){ROWS, N, K}, true);
    for (int i = 0; i < 2; i++) {
        PackedMatrix forward, backward;
        if (!packed_create_bf16(&forward, KERNELS[i], w, K, N, false, arena))
            continue;
        packed_transpose(&backward, &forward, arena);
        packed_product(pool, got, d_out, &backward, NULL, NULL, ROWS);
        assert_close("d_in", got, want, (size_t)ROWS * K, 1e-6);
    }
    pool_free(pool);
    arena_free(arena);
}

static void row_has_bits_of_its_own(void **state) {
    (void)state;
    enum { K = 2100, N = 100 };
    Arena *arena = arena_create();
    float *b = arena_floats(arena, K, N);
    fill_normal(b, (size_t)K * N, 1, 2);
    for (int i = 0; i < 2; i++) {
        PackedMatrix packed;
        if (packed_create_bf16(&packed, KERNELS[i], b, K, N, true, arena))
            check_bits_of_rows(&packed);
    }
    arena_free(arena);
}

/* Every number of rows that a kernel may be left with gives a row the same bits. */
static void rows_are_cut_anywhere(void **state) {
    (void)state;
    enum { ROWS = 37, K = 70, N = 45 };
    Arena *arena = arena_create();
    float *w = arena_floats(arena, K, N), *in = arena_floats(arena, ROWS, K),
          *start = arena_floats(arena, ROWS, N);
    float *all = arena_floats(arena, ROWS, N), *some = arena_floats(arena, ROWS, N);
    fill_normal(w, (size_t)K * N, 1, 1);
    fill_normal(in, (size_t)ROWS * K, 1, 2);
    fill_normal(start, (size_t)ROWS * N, 1, 3);
    for (int i = 0; i < 2; i++) {
        PackedMatrix packed;
        if (!packed_create_bf16(&packed, KERNELS[i], w, K, N, false, arena))
            continue;
        packed_product(NULL, all, in, &packed, w, start, ROWS);
        for (int rows = 1; rows < ROWS; rows++) {
            memcpy(some, start, (size_t)ROWS * N * sizeof *some);
            packed_product(NULL, some, in, &packed, w, some, rows);
            assert_memory_equal(some, all, (size_t)rows * N * sizeof *some);
            assert_memory_equal(some + rows * N, start + rows * N, (size_t)(ROWS - rows) * N * sizeof *some);
        }
    }
    arena_free(arena);
}

/* x as the product with the (1, 1) matrix 1, and 1 with the matrix x. */
static void check_rounding(float x, float want) {
    Arena *arena = arena_create();
    const float one = 1;
    for (int i = 0; i < 2; i++) {
        PackedMatrix unit, matrix;
        float row = 0, weight = 0;
        if (!packed_create_bf16(&unit, KERNELS[i], &one, 1, 1, true, arena) ||
            !packed_create_bf16(&matrix, KERNELS[i], &x, 1, 1, true, arena))
            continue;
        packed_product(NULL, &row, &x, &unit, NULL, NULL, 1);
        packed_product(NULL, &weight, &one, &matrix, NULL, NULL, 1);
        assert_true(isnan(want) ? isnan(row) && isnan(weight) : row == want && weight == want);
    }
    arena_free(arena);
}

static void factors_are_rounded_to_nearest_even(void **state) {
    (void)state;
    check_rounding(1, 1);
    check_rounding(0x1.01p0f, 1);             /* half-way, to the even one below */
    check_rounding(0x1.03p0f, 0x1.04p0f);     /* half-way, to the even one above */
    check_rounding(0x1.010002p0f, 0x1.02p0f); /* just over half-way */
    check_rounding(-0x1.030002p0f, -0x1.04p0f);
    check_rounding(0x1.ffp5f, 0x1p6f); /* carries into the exponent */
    check_rounding(0x1.fffffep127f, INFINITY);
    check_rounding(-INFINITY, -INFINITY);
    check_rounding(NAN, NAN);
    uint32_t bits = 0x7f800001; /* a NaN whose mantissa lies in what is cut */
    float nan;
    memcpy(&nan, &bits, sizeof nan);
    check_rounding(nan, NAN);
    for (uint32_t i = 0; i < 1000; i++) {
        float x;
        fill_normal(&x, 1, 1, i + 1);
        check_rounding(x, rounded(x));
    }
}

static void precision_has_names_and_a_fallback(void **state) {
    (void)state;
    Precision precision;
    for (int i = PRECISION_FLOAT32; i <= PRECISION_AUTO; i++) {
        assert_int_equal(precision_from(&precision, precision_name((Precision)i)), 0);
        assert_int_equal(precision, i);
    }
    assert_int_equal(precision_from(&precision, "bfloat"), -1);
    const bool here = bf16_best_kernel() != BF16_NONE;
    assert_int_equal(precision_here(PRECISION_FLOAT32), PRECISION_FLOAT32);
    assert_int_equal(precision_here(PRECISION_BFLOAT16), here ? PRECISION_BFLOAT16 : PRECISION_FLOAT32);
    assert_int_equal(precision_here(PRECISION_AUTO), precision_here(PRECISION_BFLOAT16));

    Arena *arena = arena_create();
    PackedMatrix packed;
    const float w[] = {1, 2, 3, 4};
    packed_create(&packed, w, 2, 2, true, PRECISION_BFLOAT16, arena);
    assert_int_equal(packed.bf16, bf16_best_kernel());
    assert_false(packed_create_bf16(&packed, BF16_NONE, w, 2, 2, true, arena));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(product_is_the_sum),
        cmocka_unit_test(transpose_multiplies_the_other_way),
        cmocka_unit_test(row_has_bits_of_its_own),
        cmocka_unit_test(rows_are_cut_anywhere),
        cmocka_unit_test(factors_are_rounded_to_nearest_even),
        cmocka_unit_test(precision_has_names_and_a_fallback),
    };
    for (int i = 0; i < 2; i++)
        if (!bf16_can_multiply(KERNELS[i]))
            printf("not tested: this processor has no %s\n", KERNELS[i] == BF16_AMX ? "AMX" : "AVX-512 BF16");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
