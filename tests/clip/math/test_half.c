/* test_half.c: clip/math/half.c */
#include "clip/math/half.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

/* The value by its definition (IEEE 754-2008, 3.4). */
static double half_value(unsigned half) {
    int exponent = half >> 10 & 31, mantissa = half & 1023;
    double value = exponent == 0    ? ldexp(mantissa, -24)
                   : exponent == 31 ? (mantissa == 0 ? INFINITY : NAN)
                                    : ldexp(1024 + mantissa, exponent - 25);
    return half & 0x8000 ? -value : value;
}

enum { N_HALF = 65536 };

static void test_all_halves(void **state) {
    (void)state;
    unsigned char *in = malloc(2 * N_HALF + 1);
    float *fast = malloc(N_HALF * sizeof *fast), *portable = malloc(N_HALF * sizeof *portable);
    unsigned char *unaligned = in + 1;
    for (int i = 0; i < N_HALF; i++) {
        unaligned[2 * i] = (unsigned char)i;
        unaligned[2 * i + 1] = (unsigned char)(i >> 8);
    }
    half_to_float(fast, unaligned, N_HALF);
    half_to_float_portable(portable, unaligned, N_HALF);
    assert_memory_equal(fast, portable, N_HALF * sizeof *fast);
    for (int i = 0; i < N_HALF; i++) {
        double want = half_value((unsigned)i);
        assert_true(isnan(want) ? isnan(fast[i]) != 0 : (double)fast[i] == want);
        assert_int_equal(signbit(fast[i]) != 0, i >= 0x8000);
    }
    free(in);
    free(fast);
    free(portable);
}

/* Each half, the middle between it and the next, and what lies just below and above that middle. */
static void test_rounding_to_half(void **state) {
    (void)state;
    for (unsigned half = 0; half < 0x7c00; half++) {
        double low = half_value(half), high = half == 0x7bff ? 65536 : half_value(half + 1);
        float middle = (float)((low + high) / 2);
        for (unsigned sign = 0; sign <= 0x8000; sign += 0x8000) {
            float by = sign ? -1.0f : 1.0f;
            assert_int_equal(float_to_half(by * (float)low), sign | half);
            assert_int_equal(float_to_half(by * nextafterf(middle, 0)), sign | half);
            assert_int_equal(float_to_half(by * middle), sign | (half + half % 2));
            assert_int_equal(float_to_half(by * nextafterf(middle, INFINITY)), sign | (half + 1));
        }
    }
    assert_int_equal(float_to_half(INFINITY), 0x7c00);
    assert_int_equal(float_to_half(-1e30f), 0xfc00);
    assert_int_equal(float_to_half(NAN) & 0x7e00, 0x7e00);
}

/* Every length, so that each remainder of the eight-wide loop is seen, and nothing is written past the end.
 */
static void test_half_remainders(void **state) {
    (void)state;
    unsigned char in[40];
    for (int i = 0; i < 20; i++) {
        in[2 * i] = (unsigned char)(i * 11);
        in[2 * i + 1] = (unsigned char)(0x3c + i % 5);
    }
    for (int n = 0; n <= 19; n++) {
        float out[20];
        for (int i = 0; i < 20; i++)
            out[i] = -7;
        half_to_float(out, in, n);
        for (int i = 0; i < 20; i++)
            assert_true(out[i] == (i < n ? half_value(in[2 * i] | (unsigned)in[2 * i + 1] << 8) : -7));
    }
}

/* Every bfloat16 comes back, and what lies between two goes to the nearer, at the middle to the even one. */
static void test_rounding_to_bfloat16(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 0x7f7f; bits++) {
        unsigned char in[4] = {(unsigned char)bits, (unsigned char)(bits >> 8), (unsigned char)(bits + 1),
                               (unsigned char)((bits + 1) >> 8)},
                      out[8];
        float ends[2];
        bfloat16_to_float(ends, in, 2);
        const float middle = (float)(((double)ends[0] + (double)ends[1]) / 2);
        const float between[4] = {ends[0], nextafterf(middle, 0), -middle, nextafterf(middle, INFINITY)};
        float_to_bfloat16(out, between, 4);
        const unsigned wanted[4] = {bits, bits, 0x8000 | (bits + bits % 2), bits + 1};
        for (int i = 0; i < 4; i++)
            assert_int_equal(out[2 * i] | (unsigned)out[2 * i + 1] << 8, wanted[i]);
    }
    unsigned char out[2];
    float_to_bfloat16(out, &(float){NAN}, 1);
    assert_int_equal((out[0] | (unsigned)out[1] << 8) & 0x7fc0, 0x7fc0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_halves),
        cmocka_unit_test(test_rounding_to_half),
        cmocka_unit_test(test_half_remainders),
        cmocka_unit_test(test_rounding_to_bfloat16),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
