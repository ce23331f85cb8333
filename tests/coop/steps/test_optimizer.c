/* test_optimizer.c: the optimisers against their formulas in double, step by step. */
#include "coop/steps/optimizer.h"
#include "coop/trainer.h"

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

/* Twelve steps of PyTorch 2 and, for RAdam, of the code of its authors. */
static void test_torch(void **test) {
    (void)test;
    static const struct {
        OptimizerKind kind;
        float want[4];
    } rows[] = {{OPTIMIZER_SGD, {0.113968797f, -1.28033018f, 1.52025795f, -0.999905527f}},
                {OPTIMIZER_ADAMW, {-0.0968402922f, -1.57461369f, 1.98534155f, -0.538226008f}},
                {OPTIMIZER_ADAM, {-0.137979597f, -1.34256101f, 1.80628169f, -0.529741168f}},
                {OPTIMIZER_AMSGRAD, {-0.137315065f, -1.3427372f, 1.80659115f, -0.52930373f}},
                {OPTIMIZER_RMSPROP, {0.328459114f, -0.330484748f, -0.78733623f, -3.70198393f}},
                {OPTIMIZER_RADAM, {0.376134574f, -1.28874993f, 1.97142386f, -0.256803215f}}};
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        Arena *arena = arena_create();
        float x[4] = {0.5f, -1.25f, 2.0f, 0.03125f}, gradient[4];
        const Trainee trainee = {.n_parameters = 4};
        const OptimConfig optim = {.optimizer = rows[r].kind,
                                   .weight_decay = 0.05,
                                   .momentum = 0.9,
                                   .beta1 = 0.9,
                                   .beta2 = 0.99,
                                   .epsilon = 1e-8,
                                   .alpha = 0.98};
        TrainState state = trainer_begin(&trainee, &optim, arena);
        for (int t = 1; t <= 12; t++) {
            for (int i = 0; i < 4; i++)
                gradient[i] = (float)((i + 1) * 0.25 * ((i + t) % 3 ? 1 : -1) / t);
            optimizer_step(&state.optimizer, x, gradient, 0.1, t, NULL);
        }
        assert_close("parameters", x, rows[r].want, 4, 1e-6);
        arena_free(arena);
    }
}

/* With threads or without: the same bits. */
static void test_pool(void **test) {
    (void)test;
    enum { MANY = 200000 };
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    for (int kind = 0; kind < 5; kind++) {
        float *x[2], *gradient = arena_floats(arena, MANY, 1);
        for (int i = 0; i < 2; i++) {
            x[i] = arena_floats(arena, MANY, 1);
            fill_normal(x[i], MANY, 1, 1);
            Optimizer o = kind == 0   ? optimizer_sgd(MANY, 0.9, 1e-3, arena)
                          : kind == 1 ? optimizer_adamw(MANY, 0.9, 0.99, 1e-3, 0.2, arena)
                          : kind == 2 ? optimizer_amsgrad(MANY, 0.9, 0.99, 1e-3, 0.2, arena)
                          : kind == 3 ? optimizer_rmsprop(MANY, 0.99, 0.9, 1e-3, 0.2, arena)
                                      : optimizer_radam(MANY, 0.9, 0.99, 1e-3, 0.2, arena);
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
        cmocka_unit_test(test_sgd),   cmocka_unit_test(test_adamw), cmocka_unit_test(test_adam),
        cmocka_unit_test(test_torch), cmocka_unit_test(test_pool),  cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
