/* test_optimizer.c: the optimisers against their formulas in double, step by step. */
#include "coop/optimizer.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

enum { N = 40, STEPS = 5 };

static void test_sgd(void **test) {
    (void)test;
    Arena *arena = arena_create();
    Optimizer sgd = optimizer_sgd(N, 0.8, 0.3, arena);
    float x[N], gradient[N], want[N];
    double exact[N], velocity[N] = {0};
    assert_int_equal(sgd.n_buffers, 1);
    assert_string_equal(sgd.buffers[0].name, "velocity");
    fill_normal(x, N, 1, 1);
    for (int i = 0; i < N; i++)
        exact[i] = (double)x[i];
    for (int t = 1; t <= STEPS; t++) {
        double lr = 0.1 / t;
        fill_normal(gradient, N, 1, (uint32_t)(10 + t));
        optimizer_step(&sgd, x, gradient, lr, t, NULL);
        for (int i = 0; i < N; i++) {
            velocity[i] = 0.8 * velocity[i] + ((double)gradient[i] + 0.3 * exact[i]);
            exact[i] -= lr * velocity[i];
            want[i] = (float)exact[i];
        }
        assert_close("parameters", x, want, N, 1e-6);
    }
    arena_free(arena);
}

static void test_adamw(void **test) {
    (void)test;
    Arena *arena = arena_create();
    Optimizer adamw = optimizer_adamw(N, 0.9, 0.99, 1e-3, 0.2, arena);
    float x[N], gradient[N], want[N];
    double exact[N], mean[N] = {0}, square[N] = {0};
    assert_int_equal(adamw.n_buffers, 2);
    assert_string_equal(adamw.buffers[0].name, "exp_avg");
    assert_string_equal(adamw.buffers[1].name, "exp_avg_sq");
    fill_normal(x, N, 1, 1);
    for (int i = 0; i < N; i++)
        exact[i] = (double)x[i];
    for (int t = 1; t <= STEPS; t++) {
        double lr = 0.1 / t;
        fill_normal(gradient, N, 1, (uint32_t)(10 + t));
        gradient[0] = 0; /* epsilon keeps it finite */
        optimizer_step(&adamw, x, gradient, lr, t, NULL);
        for (int i = 0; i < N; i++) {
            double g = (double)gradient[i];
            mean[i] = 0.9 * mean[i] + 0.1 * g;
            square[i] = 0.99 * square[i] + 0.01 * g * g;
            exact[i] = (1 - lr * 0.2) * exact[i] -
                       lr / (1 - pow(0.9, t)) * mean[i] / (sqrt(square[i] / (1 - pow(0.99, t))) + 1e-3);
            want[i] = (float)exact[i];
        }
        assert_close("parameters", x, want, N, 1e-6);
    }
    arena_free(arena);
}

static void test_adam(void **test) {
    (void)test;
    Arena *arena = arena_create();
    Optimizer adam = optimizer_adam(N, 0.9, 0.99, 1e-3, 0.2, arena);
    float x[N], gradient[N], want[N];
    double exact[N], mean[N] = {0}, square[N] = {0};
    fill_normal(x, N, 1, 1);
    for (int i = 0; i < N; i++)
        exact[i] = (double)x[i];
    for (int t = 1; t <= STEPS; t++) {
        double lr = 0.1 / t;
        fill_normal(gradient, N, 1, (uint32_t)(10 + t));
        optimizer_step(&adam, x, gradient, lr, t, NULL);
        for (int i = 0; i < N; i++) {
            double g = (double)gradient[i] + 0.2 * exact[i];
            mean[i] = 0.9 * mean[i] + 0.1 * g;
            square[i] = 0.99 * square[i] + 0.01 * g * g;
            exact[i] -= lr / (1 - pow(0.9, t)) * mean[i] / (sqrt(square[i] / (1 - pow(0.99, t))) + 1e-3);
            want[i] = (float)exact[i];
        }
        assert_close("parameters", x, want, N, 1e-6);
    }
    arena_free(arena);
}

/* With threads or without: the same bits. */
static void test_pool(void **test) {
    (void)test;
    enum { MANY = 200000 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    for (int kind = 0; kind < 2; kind++) {
        float *x[2], *gradient = arena_floats(arena, MANY, 1);
        for (int i = 0; i < 2; i++) {
            x[i] = arena_floats(arena, MANY, 1);
            fill_normal(x[i], MANY, 1, 1);
            Optimizer o = kind ? optimizer_adamw(MANY, 0.9, 0.99, 1e-3, 0.2, arena)
                               : optimizer_sgd(MANY, 0.9, 1e-3, arena);
            for (int t = 1; t <= 3; t++) {
                fill_normal(gradient, MANY, 1, (uint32_t)(10 + t));
                optimizer_step(&o, x[i], gradient, 0.1, t, i ? pool : NULL);
            }
        }
        assert_memory_equal(x[0], x[1], MANY * sizeof(float));
    }
    pool_free(pool);
    arena_free(arena);
}

static void test_memory(void **test) {
    (void)test;
    Arena *arena = arena_create();
    optimizer_adamw(SIZE_MAX / 2, 0.9, 0.99, 1e-3, 0.2, arena);
    assert_true(arena_failed(arena));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sgd),  cmocka_unit_test(test_adamw),  cmocka_unit_test(test_adam),
        cmocka_unit_test(test_pool), cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
