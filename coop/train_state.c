/* train_state.c: see train_state.h */
#include "coop/train_state.h"

#include "clip/base/arena.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int train_state_write(const char *path, const Trainee *trainee, const TrainState *state,
                      const char *config_digest, Error *err) {
    char epoch[16], elsewhere[16], step[16], n_correct[24], loss[32], loss_sum[32], seconds[32];
    snprintf(epoch, sizeof epoch, "%d", state->epoch);
    snprintf(elsewhere, sizeof elsewhere, "%d", state->elsewhere);
    snprintf(step, sizeof step, "%d", state->step);
    snprintf(n_correct, sizeof n_correct, "%ld", state->n_correct);
    snprintf(loss, sizeof loss, "%.17g", state->loss);
    snprintf(loss_sum, sizeof loss_sum, "%.17g", state->loss_sum);
    snprintf(seconds, sizeof seconds, "%.17g", state->seconds);
    int64_t n = (int64_t)trainee->n_parameters;
    const Optimizer *optimizer = &state->optimizer;
    TensorOut tensors[1 + OPTIMIZER_MAX_BUFFERS] = {
        {.name = trainee->name, .dtype = DTYPE_F32, .n_dims = 1, .shape = {n}, .data = trainee->parameters}};
    for (int i = 0; i < optimizer->n_buffers; i++)
        tensors[1 + i] = (TensorOut){.name = optimizer->buffers[i].name,
                                     .dtype = DTYPE_F32,
                                     .n_dims = 1,
                                     .shape = {n},
                                     .data = optimizer->buffers[i].values};
    const MetadataOut metadata[] = {{"format", "coop-state"}, {"config", config_digest}, {"epoch", epoch},
                                    {"step", step},           {"n_correct", n_correct},  {"loss", loss},
                                    {"loss_sum", loss_sum},   {"seconds", seconds},      SAFETENSORS_CHECKED,
                                    {"elsewhere", elsewhere}};
    const int n_metadata = (int)(sizeof metadata / sizeof *metadata) - (state->elsewhere == 0);
    return safetensors_write(path, tensors, 1 + optimizer->n_buffers, metadata, n_metadata, err);
}

/* A number of the metadata between 0 and max. */
static int read_number(const TensorFile *file, const char *key, double max, double *number, Error *err) {
    const char *text = tensors_metadata(file, key);
    char *end = NULL;
    *number = text ? strtod(text, &end) : 0;
    if (text && *text && *end == '\0' && *number >= 0 && *number <= max)
        return 0;
    return error_set(err, "%s: metadata: %s '%.40s'", tensors_path(file), key, text ? text : "");
}

static int read_whole_number(const TensorFile *file, const char *key, double max, double *number,
                             Error *err) {
    if (read_number(file, key, max, number, err) < 0)
        return -1;
    if (*number != floor(*number))
        return error_set(err, "%s: metadata: %s '%.40s'", tensors_path(file), key,
                         tensors_metadata(file, key));
    return 0;
}

/* Fills all of the state but the optimiser, if the file belongs to this configuration. */
static int read_metadata(TrainState *state, const TensorFile *file, const char *config_digest, Error *err) {
    const char *format = tensors_metadata(file, "format"), *config = tensors_metadata(file, "config");
    if (!format || strcmp(format, "coop-state") != 0 || !config)
        return error_set(err, "%s: metadata: not a training state", tensors_path(file));
    if (strcmp(config, config_digest) != 0)
        return error_set(err, "%s: metadata: a training state of another configuration", tensors_path(file));
    double epoch, step, n_correct, elsewhere = 0;
    if (read_whole_number(file, "epoch", 1e6, &epoch, err) < 0 ||
        read_whole_number(file, "step", 1e9, &step, err) < 0 ||
        read_whole_number(file, "n_correct", 1e15, &n_correct, err) < 0 ||
        read_number(file, "loss", 1e300, &state->loss, err) < 0 ||
        read_number(file, "loss_sum", 1e300, &state->loss_sum, err) < 0 ||
        read_number(file, "seconds", 1e12, &state->seconds, err) < 0 ||
        (tensors_metadata(file, "elsewhere") &&
         read_whole_number(file, "elsewhere", epoch, &elsewhere, err) < 0))
        return -1;
    state->elsewhere = (int)elsewhere;
    state->epoch = (int)epoch;
    state->step = (int)step;
    state->n_correct = (long)n_correct;
    return 0;
}

/* The parameters and the buffers of the optimiser, in this order: values (1 + n_buffers, n). Nothing is read
 * before all of them are found. */
static int read_tensors(const TensorFile *file, const Trainee *trainee, const Optimizer *optimizer,
                        float *values, Error *err) {
    size_t n = trainee->n_parameters;
    const int64_t shape[] = {(int64_t)n};
    const Tensor *tensors[1 + OPTIMIZER_MAX_BUFFERS];
    for (int i = 0; i <= optimizer->n_buffers; i++) {
        tensors[i] =
            tensors_need(file, i == 0 ? trainee->name : optimizer->buffers[i - 1].name, 1, shape, err);
        if (!tensors[i])
            return -1;
    }
    for (int i = 0; i <= optimizer->n_buffers; i++)
        if (tensor_to_float(file, tensors[i], values + (size_t)i * n, err) < 0)
            return -1;
    return 0;
}

int train_state_read(const char *path, const Trainee *trainee, TrainState *state, const char *config_digest,
                     Error *err) {
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return -1;
    int result = -1;
    size_t n = trainee->n_parameters;
    const Optimizer *optimizer = &state->optimizer;
    Arena *arena = arena_create();
    float *values = arena_floats(arena, 1 + (size_t)optimizer->n_buffers, n);
    TrainState read = *state;
    if (read_metadata(&read, file, config_digest, err) < 0)
        goto out;
    if (!values) {
        error_memory(err);
        goto out;
    }
    if (read_tensors(file, trainee, optimizer, values, err) < 0)
        goto out;
    read.checked = tensors_checked(file);
    memcpy(trainee->parameters, values, n * sizeof(float));
    for (int i = 0; i < optimizer->n_buffers; i++)
        memcpy(optimizer->buffers[i].values, values + (size_t)(i + 1) * n, n * sizeof(float));
    *state = read;
    result = 0;
out:
    arena_free(arena);
    tensors_close(file);
    return result;
}
