/* optimizer_state.c: see optimizer_state.h */
#include "experiments/original/optimizer_state.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { MAX_SETTINGS = 16 };

typedef struct {
    TorchSetting *at;
    int n;
} Settings;

static void put(Settings *settings, const char *name, int type, double value) {
    assert(settings->n < MAX_SETTINGS);
    settings->at[settings->n++] = (TorchSetting){.name = name, .type = type, .values = {value}};
}

/* Of the optimiser's only group. Versions of PyTorch know more settings or fewer; those that are missing get
 * their defaults when it is read, and none minds one too many. */
static void put_group(Settings *group, const OptimConfig *optim, double lr) {
    const OptimizerKind kind = optim->optimizer;
    put(group, "lr", TORCH_REAL, lr);
    put(group, "initial_lr", TORCH_REAL, optim->lr);
    put(group, "weight_decay", TORCH_REAL, optim->weight_decay);
    if (kind == OPTIMIZER_SGD || kind == OPTIMIZER_RMSPROP)
        put(group, "momentum", TORCH_REAL, optim->momentum);
    if (kind == OPTIMIZER_SGD) {
        put(group, "dampening", TORCH_INT, 0);
        put(group, "nesterov", TORCH_BOOL, 0);
    } else {
        put(group, "eps", TORCH_REAL, optim->epsilon);
    }
    if (kind == OPTIMIZER_RMSPROP) {
        put(group, "alpha", TORCH_REAL, optim->alpha);
        put(group, "centered", TORCH_BOOL, 0);
    } else if (kind != OPTIMIZER_SGD) {
        put(group, "betas", TORCH_PAIR, optim->beta1);
        group->at[group->n - 1].values[1] = optim->beta2;
        put(group, "amsgrad", TORCH_BOOL, kind == OPTIMIZER_AMSGRAD);
        put(group, "decoupled_weight_decay", TORCH_BOOL, kind == OPTIMIZER_ADAMW);
    }
    put(group, "maximize", TORCH_BOOL, 0);
    put(group, "foreach", TORCH_NONE, 0);
    put(group, "capturable", TORCH_BOOL, 0);
    put(group, "differentiable", TORCH_BOOL, 0);
    put(group, "fused", TORCH_NONE, 0);
}

/* A schedule of a warm-up stands still once that is over. */
static void put_schedule(Settings *schedule, const OptimConfig *optim, int epoch, double lr) {
    const int warmup = optim->warmup_epoch, done = warmup > 0 && epoch > warmup ? warmup : epoch;
    put(schedule, "base_lrs", TORCH_LIST, optim->lr);
    put(schedule, "last_epoch", TORCH_INT, done);
    put(schedule, "_step_count", TORCH_INT, done + 1);
    put(schedule, "_last_lr", TORCH_LIST, lr);
}

static const char *torch_name(const OptimizerBuffer *buffer) {
    return strcmp(buffer->name, "velocity") == 0 ? "momentum_buffer" : buffer->name;
}

int optimizer_state_torch(TorchTraining *training, const OptimConfig *optim, const TrainState *state,
                          int n_steps, const TensorOut *parameters, int n, Arena *arena, Error *err) {
    const Optimizer *optimizer = &state->optimizer;
    const double lr = optim_lr(optim, state->epoch + 1, 1, n_steps);
    const int n_buffers = optimizer->n_buffers;
    Settings group = {ARENA_NEW(arena, TorchSetting, MAX_SETTINGS), 0};
    Settings schedule = {ARENA_NEW(arena, TorchSetting, MAX_SETTINGS), 0};
    TensorOut *buffers = ARENA_NEW(arena, TensorOut, (size_t)n * (size_t)n_buffers);
    size_t at = 0;
    if (arena_failed(arena))
        return error_memory(err);
    put_group(&group, optim, lr);
    put_schedule(&schedule, optim, state->epoch, lr);
    for (int p = 0; p < n; p++) {
        size_t count, size;
        shape_size(parameters[p].dtype, parameters[p].n_dims, parameters[p].shape, &count, &size);
        for (int b = 0; b < n_buffers; b++) {
            buffers[p * n_buffers + b] = parameters[p];
            buffers[p * n_buffers + b].name = torch_name(&optimizer->buffers[b]);
            buffers[p * n_buffers + b].data = optimizer->buffers[b].values + at;
        }
        at += count;
    }
    *training =
        (TorchTraining){.n_parameters = n,
                        .n_buffers = n_buffers,
                        .buffers = buffers,
                        .step = optim->optimizer == OPTIMIZER_SGD ? -1 : (int64_t)state->epoch * n_steps,
                        .group = group.at,
                        .n_group = group.n,
                        .schedule = schedule.at,
                        .n_schedule = schedule.n,
                        .val_result = NAN};
    return 0;
}

/* Without momentum, PyTorch keeps no buffer of it. */
static bool may_miss(const Optimizer *optimizer, const char *name) {
    return optimizer->momentum == 0 && strcmp(name, "momentum_buffer") == 0;
}

int optimizer_state_read(Optimizer *optimizer, const TensorFile *file, const size_t *counts, int n,
                         Error *err) {
    size_t at = 0;
    for (int p = 0; p < n; p++) {
        for (int b = 0; b < optimizer->n_buffers; b++) {
            char name[64];
            const char *buffer = torch_name(&optimizer->buffers[b]);
            snprintf(name, sizeof name, "optimizer.%d.%s", p, buffer);
            const Tensor *tensor = tensors_find(file, name);
            if (!tensor && may_miss(optimizer, buffer))
                continue;
            if (!tensor)
                return error_set(err,
                                 "%s: no %s of parameter %d: another optimiser left it, or none was kept",
                                 tensors_path(file), buffer, p);
            if (tensor->count != counts[p])
                return error_set(err, "%s: tensor %s: %zu numbers where %zu are needed", tensors_path(file),
                                 name, tensor->count, counts[p]);
            if (tensor_to_float(file, tensor, optimizer->buffers[b].values + at, err) < 0)
                return -1;
        }
        at += counts[p];
    }
    return 0;
}
