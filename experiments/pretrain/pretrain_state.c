/* pretrain_state.c: see pretrain_state.h */
#include "experiments/pretrain/pretrain_state.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FORMAT "coop-pretrain"

/* A row of numbers in the file, and where it comes from or goes to. */
typedef struct {
    const Parameter *parameter;
    const char *name;
    float *values; /* (parameter->count) */
} Row;

static void add_row(Row *rows, int *n, const Parameter *parameter, const char *before, float *values,
                    Arena *arena) {
    if (values)
        rows[(*n)++] = (Row){parameter, arena_printf(arena, "%s%s", before, parameter->name), values};
}

/* All of them, owned by the arena; NULL with an error. */
static Row *list_rows(const ParameterOptimizer *optimizer, int *n, Arena *arena, Error *err) {
    const Parameters *parameters = optimizer->parameters;
    Row *rows = ARENA_NEW(arena, Row, 3 * (size_t)parameters->n);
    *n = 0;
    for (int i = 0; rows && i < parameters->n; i++) {
        const Parameter *parameter = &parameters->items[i];
        add_row(rows, n, parameter, "", parameter->value, arena);
        add_row(rows, n, parameter, "first.", optimizer->first[i], arena);
        add_row(rows, n, parameter, "second.", optimizer->second[i], arena);
    }
    if (!arena_failed(arena))
        return rows;
    error_memory(err);
    return NULL;
}

/* --- writing --- */

static int check_finite(const Row *rows, int n, Error *err) {
    for (int i = 0; i < n; i++)
        for (size_t k = 0; k < rows[i].parameter->count; k++)
            if (!isfinite(rows[i].values[k]))
                return error_run(err, "%s is not finite any more", rows[i].name);
    return 0;
}

/* "12 12 14", a number for each part. */
static const char *write_positions(const PretrainState *state, Arena *arena) {
    Buffer out = {0};
    for (int i = 0; i < state->n_parts; i++)
        buffer_printf(&out, "%s%d", i ? " " : "", state->positions[i]);
    return buffer_take(&out, arena);
}

static int write_rows(const char *path, const Row *rows, int n, const PretrainState *state, long n_steps,
                      const char *identity, Arena *arena, Error *err) {
    TensorOut *tensors = ARENA_NEW(arena, TensorOut, n);
    const MetadataOut metadata[] = {{"format", FORMAT},
                                    {"identity", identity},
                                    {"epoch", arena_printf(arena, "%d", state->epoch)},
                                    {"step", arena_printf(arena, "%d", state->step)},
                                    {"position", write_positions(state, arena)},
                                    {"n_steps", arena_printf(arena, "%ld", n_steps)},
                                    {"metrics_size", arena_printf(arena, "%ld", state->metrics_size)},
                                    {"n_broken", arena_printf(arena, "%ld", state->n_broken)},
                                    {"n_cut", arena_printf(arena, "%ld", state->n_cut)},
                                    {"seconds", arena_printf(arena, "%.17g", state->seconds)},
                                    SAFETENSORS_CHECKED};
    if (arena_failed(arena))
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        tensors[i] = (TensorOut){.name = rows[i].name,
                                 .dtype = DTYPE_F32,
                                 .n_dims = rows[i].parameter->n_dims,
                                 .data = rows[i].values};
        memcpy(tensors[i].shape, rows[i].parameter->shape, sizeof rows[i].parameter->shape);
    }
    return safetensors_write(path, tensors, n, metadata, sizeof metadata / sizeof *metadata, err);
}

int pretrain_state_write(const char *folder, const PretrainState *state, const ParameterOptimizer *optimizer,
                         const char *identity, Error *err) {
    int n, status = -1;
    Arena *arena = arena_create();
    const char *path = path_join(arena, folder, PRETRAIN_STATE);
    const char *before = path_join(arena, folder, PRETRAIN_STATE_BEFORE);
    const Row *rows = list_rows(optimizer, &n, arena, err);
    if (!rows || check_finite(rows, n, err) < 0)
        goto out;
    if (rename(path, before) < 0 && errno != ENOENT)
        error_errno(err, ERROR_RUN, errno, "%s: cannot rename", path);
    else
        status = write_rows(path, rows, n, state, optimizer->n_steps, identity, arena, err);
out:
    arena_free(arena);
    return status;
}

/* --- reading --- */

/* A whole number of the metadata, between 0 and max; -1 when it is none. */
static double read_number(const TensorFile *file, const char *key, double max) {
    const char *text = tensors_metadata(file, key);
    char *end = NULL;
    const double number = text ? strtod(text, &end) : 0;
    return text && *text && *end == '\0' && number >= 0 && number <= max ? number : -1;
}

static int read_positions(PretrainState *state, const TensorFile *file, Error *err) {
    const char *text = tensors_metadata(file, "position");
    int n = 0;
    for (char *end; text && n < state->n_parts; n++, text = end) {
        const double number = strtod(text, &end);
        if (end == text || number < 0 || number > 2e9)
            break;
        state->positions[n] = (int)number;
    }
    return text && n == state->n_parts && *text == '\0'
               ? 0
               : error_set(err, "%s: metadata: no position", tensors_path(file));
}

static int read_numbers(PretrainState *state, long *n_steps, const TensorFile *file, Error *err) {
    struct {
        const char *key;
        double max, number;
    } numbers[] = {{"epoch", 1e6, 0},     {"step", 1e9, 0},   {"n_steps", 1e15, 0}, {"metrics_size", 1e15, 0},
                   {"n_broken", 1e15, 0}, {"n_cut", 1e15, 0}, {"seconds", 1e12, 0}};
    enum { N = sizeof numbers / sizeof *numbers };
    for (int i = 0; i < N; i++) {
        numbers[i].number = read_number(file, numbers[i].key, numbers[i].max);
        if (numbers[i].number < 0)
            return error_set(err, "%s: metadata: no %s", tensors_path(file), numbers[i].key);
    }
    *n_steps = (long)numbers[2].number;
    *state = (PretrainState){.epoch = (int)numbers[0].number,
                             .step = (int)numbers[1].number,
                             .metrics_size = (long)numbers[3].number,
                             .n_broken = (long)numbers[4].number,
                             .n_cut = (long)numbers[5].number,
                             .seconds = numbers[6].number,
                             .n_parts = state->n_parts};
    return read_positions(state, file, err);
}

static int read_rows(const TensorFile *file, const Row *rows, int n, Error *err) {
    for (int i = 0; i < n; i++) {
        const Parameter *parameter = rows[i].parameter;
        const Tensor *tensor = tensors_need(file, rows[i].name, parameter->n_dims, parameter->shape, err);
        if (!tensor || tensor_to_float(file, tensor, rows[i].values, err) < 0)
            return -1;
    }
    return 0;
}

/* The value of a key in lines "key: value", to the end of its line; NULL when there is no such line. */
static const char *find_value(const char *identity, const char *line, size_t n_key) {
    for (const char *at = identity; *at; at = strchr(at, '\n') + 1)
        if (strncmp(at, line, n_key) == 0)
            return at + n_key;
    return NULL;
}

static int differ(const char *path, const char *key, size_t n_key, const char *was, const char *is,
                  Error *err) {
    return error_set(err,
                     "%s: %.*s: it was '%.*s' and is '%.*s' now, and the numbers depend on it; give the run "
                     "another output",
                     path, (int)n_key - 2, key, was ? (int)strcspn(was, "\n") : 4, was ? was : "none",
                     is ? (int)strcspn(is, "\n") : 4, is ? is : "none");
}

/* An error that names the first key that is not the same in both. Each line ends with a newline. */
static int compare_identities(const char *path, const char *was, const char *is, Error *err) {
    for (int turn = 0; turn < 2; turn++)
        for (const char *line = turn == 0 ? is : was; *line; line = strchr(line, '\n') + 1) {
            const size_t n_key = (size_t)(strstr(line, ": ") - line) + 2;
            const char *other = find_value(turn == 0 ? was : is, line, n_key);
            const size_t n = strcspn(line + n_key, "\n") + 1;
            if (!other || strncmp(line + n_key, other, n) != 0)
                return turn == 0 ? differ(path, line, n_key, other, line + n_key, err)
                                 : differ(path, line, n_key, line + n_key, other, err);
        }
    return 0;
}

static bool has_lines(const char *text) {
    const size_t n = strlen(text);
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *colon = strstr(line, ": "), *end = strchr(line, '\n');
        if (!end || !colon || colon > end)
            return false;
    }
    return n > 0;
}

typedef enum { STATE_READ, STATE_DAMAGED, STATE_OTHER } StateResult;

static StateResult read_state(const char *path, PretrainState *state, ParameterOptimizer *optimizer,
                              const char *identity, Arena *arena, Error *err) {
    int n;
    TensorFile *file = tensors_open(path, err);
    if (!file)
        return STATE_DAMAGED;
    StateResult result = STATE_DAMAGED;
    const char *format = tensors_metadata(file, "format"), *was = tensors_metadata(file, "identity");
    const Row *rows = NULL;
    if (!tensors_checked(file) || !format || strcmp(format, FORMAT) != 0 || !was || !has_lines(was))
        error_set(err, "%s: not the state of a pretraining", path);
    else if (compare_identities(path, was, identity, err) < 0)
        result = STATE_OTHER;
    else if (read_numbers(state, &optimizer->n_steps, file, err) == 0 &&
             (rows = list_rows(optimizer, &n, arena, err)) && read_rows(file, rows, n, err) == 0)
        result = STATE_READ;
    tensors_close(file);
    return result;
}

/* Lest the next state push it into the place of the good one. */
static int remove_damaged(const char *path, Error *err) {
    return remove(path) == 0 ? 0 : error_errno(err, ERROR_RUN, errno, "%s: cannot remove", path);
}

int pretrain_state_read(const char *folder, PretrainState *state, ParameterOptimizer *optimizer,
                        const char *identity, bool *found, const char **damage, Arena *arena, Error *err) {
    static const char *const names[] = {PRETRAIN_STATE, PRETRAIN_STATE_BEFORE};
    Error why = {0};
    const char *damaged = NULL;
    *found = false;
    *damage = NULL;
    for (int i = 0; i < 2; i++) {
        const char *path = path_join(arena, folder, names[i]);
        if (!path)
            return error_memory(err);
        if (!file_exists(path))
            continue;
        Error this = {0};
        const StateResult result = read_state(path, state, optimizer, identity, arena, &this);
        if (result == STATE_READ) {
            *found = true;
            return *damage ? remove_damaged(damaged, err) : 0;
        }
        if (result == STATE_OTHER || this.is_memory) {
            *err = this;
            return -1;
        }
        why = *damage ? why : this;
        damaged = path;
        *damage = arena_strdup(arena, this.text);
    }
    if (!*damage)
        return 0;
    return error_set(err, "%s; no other state is left: remove it to begin anew, or go on from a checkpoint",
                     why.text);
}
