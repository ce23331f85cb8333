/* test_optimizer_state.c: the state of each optimiser, written as PyTorch keeps it and read again. (From
 * outside, and with the numbers of a training: test_cli_original.c.) */
#include "experiments/original/optimizer_state.h"

#include "clip/tensors/tensors_open.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N = 10 };

static OptimConfig optim_of(OptimizerKind kind) {
    return (OptimConfig){.optimizer = kind,
                         .lr = 0.5,
                         .momentum = 0.9,
                         .beta1 = 0.9,
                         .beta2 = 0.99,
                         .max_epoch = 4,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 0.25};
}

static double setting(const TorchSetting *settings, int n, const char *name) {
    for (int i = 0; i < n; i++)
        if (strcmp(settings[i].name, name) == 0)
            return settings[i].values[0];
    return NAN;
}

/* Two parameters of 2 x 3 and of 4 numbers, after two epochs of three steps. */
static void test_round_trip(void **state) {
    float x[N] = {0};
    char path[600];
    scratch_path(state, "a.pt", path, sizeof path);
    for (int kind = OPTIMIZER_SGD; kind <= OPTIMIZER_RADAM; kind++) {
        Arena *arena = arena_create();
        Error err = {0};
        const OptimConfig optim = optim_of((OptimizerKind)kind);
        const Trainee trainee = {.parameters = x, .n_parameters = N};
        const TensorOut parameters[] = {{"ctx", DTYPE_F32, 2, {2, 3}, x}, {"bias", DTYPE_F32, 1, {4}, x + 6}};
        TrainState written = trainer_begin(&trainee, &optim, arena),
                   read = trainer_begin(&trainee, &optim, arena);
        TorchTraining training;
        for (int b = 0; b < written.optimizer.n_buffers; b++)
            fill_normal(written.optimizer.buffers[b].values, N, 1, (uint32_t)(kind * 8 + b));
        written.epoch = 2;
        assert_int_equal(optimizer_state_torch(&training, &optim, &written, 3, parameters, 2, arena, &err),
                         0);
        assert_true(setting(training.schedule, training.n_schedule, "last_epoch") ==
                    1); /* the warm-up is over */
        assert_true(fabs(setting(training.group, training.n_group, "lr") - 0.25 * (1 + cos(M_PI / 4))) <
                    1e-12);
        assert_int_equal(training.step, kind == OPTIMIZER_SGD ? -1 : 6);
        if (torch_checkpoint_write(path, parameters, 2, 2, &training, &err) < 0)
            fail_msg("%s", err.text);
        TensorFile *file = tensors_open_training(path, &err);
        assert_non_null(file);
        assert_int_equal(tensors_count(file), 2 + 2 * written.optimizer.n_buffers);
        if (optimizer_state_read(&read.optimizer, file, (const size_t[]){6, 4}, 2, &err) < 0)
            fail_msg("%s", err.text);
        for (int b = 0; b < written.optimizer.n_buffers; b++)
            assert_memory_equal(read.optimizer.buffers[b].values, written.optimizer.buffers[b].values,
                                sizeof x);
        assert_int_equal(optimizer_state_read(&read.optimizer, file, (const size_t[]){5, 5}, 2, &err), -1);
        assert_non_null(strstr(err.text, "6 numbers where 5 are needed"));
        tensors_close(file);
        TensorFile *plain = tensors_open(path, &err); /* for whoever wants the model alone */
        assert_int_equal(tensors_count(plain), 2);
        tensors_close(plain);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_round_trip, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
