/* AdamW and SGD over parameters, against what torch.optim (2.15, single tensor, float) makes of the same. */
#include "clip/train/parameter_optimizer.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static bool not_fixed(const Parameter *p, void *context) {
    (void)context;
    return strcmp(p->name, "fixed") != 0;
}

static Parameters small(Arena *arena) {
    Parameters parameters = {.arena = arena};
    Parameter *w = parameters_add(&parameters, 2, (int64_t[]){3, 4}, "w");
    for (int i = 0; i < 12; i++)
        w->value[i] = (float)sin(i + 0.5);
    Parameter *fixed = parameters_add(&parameters, 2, (int64_t[]){1, 1}, "fixed");
    fixed->value[0] = 5;
    Parameter *b = parameters_add(&parameters, 1, (int64_t[]){4}, "b");
    for (int i = 0; i < 4; i++)
        b->value[i] = (float)sin(2 * i + 0.1);
    parameters_train(&parameters, not_fixed, NULL);
    return parameters;
}

/* Seven steps with a growing learning rate. */
static ParameterOptimizer after_seven(Parameters *parameters, StepOptions options) {
    ParameterOptimizer optimizer = parameter_optimizer(parameters, NULL, options);
    Parameter *w = parameters_find(parameters, "w"), *b = parameters_find(parameters, "b");
    for (int t = 1; t <= 7; t++) {
        for (int i = 0; i < 12; i++)
            w->gradient[i] = (float)sin(0.7 * i * t + 0.3);
        for (int i = 0; i < 4; i++)
            b->gradient[i] = (float)(1e-3 * sin(0.9 * i * t + 1.3));
        parameter_optimizer_step(&optimizer, NULL, 1e-2 * t, NULL);
    }
    assert_int_equal(optimizer.n_steps, 7);
    return optimizer;
}

static void test_adamw(void **state) {
    (void)state;
    const float w[] = {-0.924904644f, -0.64791733f, 0.237721905f, 0.956501544f};
    const float b[] = {-0.179876298f, 0.894044638f, -0.793896735f, -0.140418872f};
    const float exp_avg[] = {0.0379367508f, -0.0202616099f, -0.0780572593f, -0.0977016538f};
    const float exp_avg_sq[] = {0.0778323784f, 0.0803302005f, 0.0749955103f, 0.0641383976f};
    Arena *arena = arena_create();
    Parameters parameters = small(arena);
    const ParameterOptimizer o = after_seven(
        &parameters,
        (StepOptions){.kind = STEP_ADAMW, .beta1 = 0.9, .beta2 = 0.98, .epsilon = 1e-6, .weight_decay = 0.2});
    assert_close("w", parameters.items[0].value + 4, w, 4, 2e-7);
    assert_close("b", parameters.items[2].value, b, 4, 2e-7);
    assert_close("exp_avg", o.first[0] + 4, exp_avg, 4, 2e-7);
    assert_close("exp_avg_sq", o.second[0] + 4, exp_avg_sq, 4, 2e-7);
    assert_true(parameters.items[1].value[0] == 5 && !o.first[1] && !o.second[1]);
    arena_free(arena);
}

static void test_sgd(void **state) {
    (void)state;
    const float w[] = {-0.92452538f, -0.625804186f, 0.294566661f, 1.06141186f};
    const float b[] = {0.0987562239f, 0.86333698f, -0.818208039f, -0.18209745f};
    const float velocity[] = {0.129790187f, -0.379786223f, -0.718169093f, -0.723137259f};
    Arena *arena = arena_create();
    Parameters parameters = small(arena);
    const ParameterOptimizer o =
        after_seven(&parameters, (StepOptions){.kind = STEP_SGD, .momentum = 0.9, .weight_decay = 0.05});
    assert_close("w", parameters.items[0].value + 4, w, 4, 2e-7);
    assert_close("b", parameters.items[2].value, b, 4, 2e-7);
    assert_close("velocity", o.first[0] + 4, velocity, 4, 4e-7);
    assert_null(o.second[0]);
    arena_free(arena);
}

static void test_sgd_without_momentum(void **state) {
    (void)state;
    const float w[] = {-0.992832482f, -0.68865943f, 0.254099667f, 0.970675826f};
    const float b[] = {0.0995636135f, 0.863193572f, -0.818304658f, -0.182194978f};
    Arena *arena = arena_create();
    Parameters parameters = small(arena);
    const ParameterOptimizer o =
        after_seven(&parameters, (StepOptions){.kind = STEP_SGD, .weight_decay = 0.05});
    assert_close("w", parameters.items[0].value + 4, w, 4, 2e-7);
    assert_close("b", parameters.items[2].value, b, 4, 2e-7);
    assert_null(o.first[0]);
    arena_free(arena);
}

/* Parameters of several pieces: the same bits on one and three threads. */
static void test_threads(void **state) {
    (void)state;
    const StepOptions options = {
        .kind = STEP_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8, .weight_decay = 0.1};
    Arena *arena = arena_create();
    Pool *pools[] = {NULL, pool_create(3)};
    Parameters sets[2];
    for (int s = 0; s < 2; s++) {
        sets[s] = (Parameters){.arena = arena};
        for (int i = 0; i < 3; i++) {
            Parameter *p = parameters_add(&sets[s], 2, (int64_t[]){1000, 70 * i + 1}, "p%d", i);
            fill_normal(p->value, p->count, 1, (uint32_t)i);
        }
        parameters_train(&sets[s], NULL, NULL);
        ParameterOptimizer optimizer = parameter_optimizer(&sets[s], NULL, options);
        for (int t = 0; t < 3; t++) {
            for (int i = 0; i < 3; i++)
                fill_normal(sets[s].items[i].gradient, sets[s].items[i].count, 0.1, (uint32_t)(9 + i + t));
            parameter_optimizer_step(&optimizer, NULL, 1e-3, pools[s]);
        }
    }
    for (int i = 0; i < 3; i++)
        assert_memory_equal(sets[0].items[i].value, sets[1].items[i].value,
                            sets[0].items[i].count * sizeof(float));
    pool_free(pools[1]);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_adamw),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_sgd_without_momentum),
        cmocka_unit_test(test_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
