/* Activations for training against the formulas in double, far out on both sides, and in pieces. */
#include "clip/math/activation_pair.h"

#include "clip/base/arena.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 40001 };

static double value_of(double x, Activation activation) {
    return activation == ACTIVATION_GELU ? x * 0.5 * erfc(-x * M_SQRT1_2) : x / (1 + exp(-1.702 * x));
}

static double derivative_of(double x, Activation activation) {
    if (activation == ACTIVATION_GELU)
        return 0.5 * erfc(-x * M_SQRT1_2) + x * exp(-x * x / 2) / sqrt(2 * M_PI);
    const double s = 1 / (1 + exp(-1.702 * x));
    return s * (1 + 1.702 * x * (1 - s));
}

static void check(Activation activation) {
    Arena *arena = arena_create();
    float *x = arena_floats(arena, N, 1), *y = arena_floats(arena, N, 1), *d = arena_floats(arena, N, 1),
          *alone = arena_floats(arena, N, 1);
    for (int i = 0; i < N; i++) {
        x[i] = (float)(-20 + i * 0.001);
        d[i] = 2;
    }
    activation_pair(y, d, x, N, activation);
    activation_value(alone, x, N, activation);
    for (int i = 0; i < N; i++) {
        const double value = value_of((double)x[i], activation),
                     slope = derivative_of((double)x[i], activation);
        assert_true(fabs((double)y[i] - value) <= 3e-7 * fabs(value) + 1e-7 * fabs((double)x[i]));
        assert_true(fabs((double)alone[i] - value) <= 3e-7 * fabs(value) + 1e-7 * fabs((double)x[i]));
        assert_true(fabs((double)d[i] - 2 * slope) <= 1e-6 + 3e-7 * fabs((double)x[i]));
        if (activation == ACTIVATION_GELU && x[i] > -8 && x[i] < -0.1f) /* the tail has all its digits */
            assert_true(fabs((double)y[i] / value - 1) <= 5e-6);
    }
    activation_value(x, x, N, activation); /* in place */
    assert_memory_equal(x, alone, N * sizeof *x);
    x[3] = NAN;
    activation_pair(y, d, x, N, activation);
    assert_true(isnan(y[3]) && isnan(d[3]) && !isnan(y[2]));
    arena_free(arena);
}

static void test_formulas(void **state) {
    (void)state;
    check(ACTIVATION_GELU);
    check(ACTIVATION_QUICK_GELU);
}

static void test_pieces(void **state) {
    (void)state;
    enum { ROWS = 3, WIDTH = 40 };
    float x[ROWS * WIDTH], d[ROWS * WIDTH], y[ROWS * WIDTH] = {0}, want_y[WIDTH], want_d[WIDTH];
    fill_normal(x, ROWS * WIDTH, 1, 1);
    fill_normal(d, ROWS * WIDTH, 1, 2);
    memcpy(want_d, d + WIDTH, sizeof want_d);
    activation_pair(want_y + 5, want_d + 5, x + WIDTH + 5, 20, ACTIVATION_GELU);
    ActivationPair pair = {.y = y, .d = d, .x = x, .width = WIDTH, .activation = ACTIVATION_GELU};
    activation_pair_piece(&pair, 1, 1, 5, 20);
    assert_memory_equal(d + WIDTH, want_d, sizeof want_d);
    assert_memory_equal(y + WIDTH + 5, want_y + 5, 20 * sizeof *y);
    assert_true(y[WIDTH + 4] == 0 && y[WIDTH + 25] == 0 && y[5] == 0 && y[2 * WIDTH + 5] == 0);
    pair.d = NULL;
    activation_pair_piece(&pair, 0, ROWS, 0, WIDTH);
    assert_true(y[0] != 0 && y[ROWS * WIDTH - 1] != 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formulas), cmocka_unit_test(test_pieces)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
