/* test_pretrain_state.c: a state comes back with every bit; damage, another configuration and numbers that
 * are none are named. */
#include "experiments/pretrain/pretrain_state.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define IDENTITY "optim.lr: 0.1\nseed: 0\n"

typedef struct {
    Arena *arena;
    Parameters parameters;
    ParameterOptimizer optimizer;
} Model;

static bool is_wanted(const Parameter *parameter, void *context) {
    (void)context;
    return strcmp(parameter->name, "locked") != 0;
}

/* A weight, one that is not trained, a statistic. */
static Model make_model(void) {
    Model model = {.arena = arena_create()};
    model.parameters.arena = model.arena;
    assert_non_null(parameters_add(&model.parameters, 2, (int64_t[]){3, 4}, "weight"));
    assert_non_null(parameters_add(&model.parameters, 1, (int64_t[]){5}, "locked"));
    parameters_add(&model.parameters, 1, (int64_t[]){2}, "mean")->is_buffer = true;
    parameters_train(&model.parameters, is_wanted, NULL);
    return model;
}

static void make_optimizer(Model *model) {
    const StepOptions options = {STEP_ADAMW, 0.9, 0.98, 1e-6, 0, 0.2};
    model->optimizer = parameter_optimizer(&model->parameters, NULL, options);
    assert_false(arena_failed(model->arena));
}

static void fill(Model *model, float start) {
    for (int i = 0; i < model->parameters.n; i++) {
        const Parameter *parameter = &model->parameters.items[i];
        for (size_t k = 0; k < parameter->count; k++) {
            parameter->value[k] = start + (float)(i + 1) / (float)(k + 3);
            if (model->optimizer.first[i]) {
                model->optimizer.first[i][k] = -parameter->value[k];
                model->optimizer.second[i][k] = parameter->value[k] * parameter->value[k];
            }
        }
    }
}

static const PretrainState written = {3, 7, 1234, 5, 6, 1.25, 3, {99, 0, 101}};

static int read_back(void **state, Model *model, PretrainState *read, const char *identity, bool *found,
                     const char **damage, Error *err) {
    *model = make_model();
    make_optimizer(model);
    return pretrain_state_read(*state, read, &model->optimizer, identity, found, damage, model->arena, err);
}

static void write_states(void **state) {
    Error err = {0};
    Model model = make_model();
    make_optimizer(&model);
    for (int i = 0; i < 2; i++) { /* the older one differs */
        PretrainState now = written;
        now.step -= 1 - i;
        fill(&model, 1 + (float)i);
        model.optimizer.n_steps = 41 + i;
        assert_int_equal(pretrain_state_write(*state, &now, &model.optimizer, IDENTITY, &err), 0);
    }
    arena_free(model.arena);
}

static void a_state_comes_back(void **state) {
    Error err = {0};
    Model model, expected = make_model();
    PretrainState read = {.n_parts = 3};
    const char *damage;
    bool found;
    assert_int_equal(read_back(state, &model, &read, IDENTITY, &found, &damage, &err), 0);
    assert_false(found);
    arena_free(model.arena);
    write_states(state);
    assert_int_equal(read_back(state, &model, &read, IDENTITY, &found, &damage, &err), 0);
    assert_true(found && !damage && model.optimizer.n_steps == 42);
    assert_memory_equal(&read, &written, sizeof read);
    make_optimizer(&expected);
    fill(&expected, 2);
    for (int i = 0; i < 3; i++) {
        const size_t size = expected.parameters.items[i].count * sizeof(float);
        assert_memory_equal(model.parameters.items[i].value, expected.parameters.items[i].value, size);
        assert_int_equal(!model.optimizer.first[i], i > 0);
    }
    assert_memory_equal(model.optimizer.second[0], expected.optimizer.second[0], 12 * sizeof(float));
    arena_free(model.arena);
    arena_free(expected.arena);
}

static void damage_leads_to_the_state_before(void **state) {
    Error err = {0};
    Model model;
    PretrainState read = {.n_parts = 3};
    const char *damage;
    bool found;
    char path[4096], before[4096];
    write_states(state);
    scratch_path(state, PRETRAIN_STATE, path, sizeof path);
    scratch_path(state, PRETRAIN_STATE_BEFORE, before, sizeof before);
    scratch_flip(path, 300, 1);
    assert_int_equal(read_back(state, &model, &read, IDENTITY, &found, &damage, &err), 0);
    assert_true(found && damage && strstr(damage, path) && read.step == 6 && model.optimizer.n_steps == 41);
    assert_false(file_exists(path)); /* else it would take the place of the good one */
    arena_free(model.arena);
    scratch_flip(before, 300, 1);
    assert_int_equal(read_back(state, &model, &read, IDENTITY, &found, &damage, &err), -1);
    assert_non_null(strstr(err.text, "no other state is left"));
    arena_free(model.arena);
}

static void another_configuration_is_named(void **state) {
    static const struct {
        const char *identity, *part;
    } cases[] = {{"optim.lr: 0.2\nseed: 0\n", "optim.lr: it was '0.1' and is '0.2' now"},
                 {"optim.lr: 0.1\nseed: 0\nlock: yes\n", "lock: it was 'none' and is 'yes' now"},
                 {"optim.lr: 0.1\n", "seed: it was '0' and is 'none' now"}};
    write_states(state);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        Model model;
        PretrainState read = {.n_parts = 3};
        const char *damage;
        bool found;
        assert_int_equal(read_back(state, &model, &read, cases[i].identity, &found, &damage, &err), -1);
        if (!strstr(err.text, cases[i].part))
            fail_msg("'%s' where '%s' was expected", err.text, cases[i].part);
        arena_free(model.arena);
    }
}

static void what_is_not_finite_is_not_saved(void **state) {
    Error err = {0};
    Model model = make_model();
    make_optimizer(&model);
    model.optimizer.second[0][3] = INFINITY;
    assert_int_equal(pretrain_state_write(*state, &written, &model.optimizer, IDENTITY, &err), -1);
    assert_non_null(strstr(err.text, "second.weight is not finite"));
    assert_int_equal(scratch_count(state), 0);
    arena_free(model.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_state_comes_back, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(damage_leads_to_the_state_before, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(another_configuration_is_named, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_not_finite_is_not_saved, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
