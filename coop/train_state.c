/* train_state.c: see train_state.h */
#include "coop/train_state.h"

#include "clip/base/tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int train_state_write(const char *path, PromptLearner *learner, const TrainState *state,
                      const char *config_digest, Error *err) {
    char epoch[16], loss[32];
    snprintf(epoch, sizeof epoch, "%d", state->epoch);
    snprintf(loss, sizeof loss, "%.17g", state->loss);
    int64_t n = (int64_t)learner_ctx_size(learner);
    const TensorOut tensors[] = {
        {.name = "ctx", .dtype = DTYPE_F32, .n_dims = 1, .shape = {n}, .data = learner_ctx(learner)},
        {.name = "velocity", .dtype = DTYPE_F32, .n_dims = 1, .shape = {n}, .data = state->velocity}};
    const MetadataOut metadata[] = {
        {"format", "coop-state"}, {"config", config_digest}, {"epoch", epoch}, {"loss", loss}};
    return safetensors_write(path, tensors, 2, metadata, 4, err);
}

/* The epoch, if the file is a state of this configuration; else -1 with an error. */
static int check_state(const TensorFile *file, const char *path, const char *config_digest, Error *err) {
    const char *format = tensors_metadata(file, "format"), *config = tensors_metadata(file, "config");
    const char *epoch = tensors_metadata(file, "epoch");
    if (!format || strcmp(format, "coop-state") != 0 || !config || !epoch || !tensors_metadata(file, "loss"))
        return error_set(err, "%s: metadata: not a training state", path);
    if (strcmp(config, config_digest) != 0)
        return error_set(err, "%s: metadata: a training state of another configuration", path);
    char *end;
    long value = strtol(epoch, &end, 10);
    if (*epoch == '\0' || *end != '\0' || value < 1 || value > 1000000)
        return error_set(err, "%s: metadata: epoch '%s'", path, epoch);
    return (int)value;
}

int train_state_read(const char *path, PromptLearner *learner, TrainState *state, const char *config_digest,
                     Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    int result = -1;
    size_t n = learner_ctx_size(learner);
    const int64_t shape[] = {(int64_t)n};
    Arena *arena = arena_create();
    float *values = arena_floats(arena, 2, n);
    int epoch = check_state(file, path, config_digest, err);
    if (epoch < 0)
        goto out;
    if (!values) {
        error_memory(err);
        goto out;
    }
    const Tensor *ctx = tensors_need(file, "ctx", 1, shape, err);
    const Tensor *velocity = ctx ? tensors_need(file, "velocity", 1, shape, err) : NULL;
    if (!velocity || tensor_to_float(file, ctx, values, err) < 0 ||
        tensor_to_float(file, velocity, values + n, err) < 0)
        goto out;
    memcpy(learner_ctx(learner), values, n * sizeof(float));
    memcpy(state->velocity, values + n, n * sizeof(float));
    state->epoch = epoch;
    state->loss = strtod(tensors_metadata(file, "loss"), NULL);
    result = 0;
out:
    arena_free(arena);
    tensors_close(file);
    return result;
}
