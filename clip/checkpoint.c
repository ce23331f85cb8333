/* checkpoint.c: the weights of a tensor file by name and shape (checkpoint.h). */
#include "clip/checkpoint.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { NAME_SIZE = 256 };

void checkpoint_fail(Checkpoint *cp, const char *name, const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (!cp->failed)
        error_set(cp->err, "%s: tensor %s: %s", tensors_path(cp->file), name, reason);
    cp->failed = true;
}

static void *out_of_memory(Checkpoint *cp) {
    if (!cp->failed)
        error_memory(cp->err);
    cp->failed = true;
    return NULL;
}

/* The tensor, with each extent in range. */
static const Tensor *need(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    if (cp->failed)
        return NULL;
    const Tensor *tensor = tensors_need(cp->file, name, n_dims, shape, cp->err);
    if (!tensor) {
        cp->failed = true;
        return NULL;
    }
    for (int i = 0; i < n_dims; i++) {
        if (tensor->shape[i] < 1 || tensor->shape[i] > CHECKPOINT_MAX_DIM) {
            char text[128];
            checkpoint_fail(cp, name, "shape %s: a dimension is not within 1 .. %d",
                            tensor_shape_text(tensor, text, sizeof text), CHECKPOINT_MAX_DIM);
            return NULL;
        }
    }
    return tensor;
}

int checkpoint_extent(Checkpoint *cp, const char *name, int axis, int n_dims, const int64_t *shape) {
    const Tensor *tensor = need(cp, name, n_dims, shape);
    return tensor ? (int)tensor->shape[axis] : 0;
}

static bool is_one_of(const char *text, const char *const *list) {
    for (; *list; list++)
        if (strcmp(text, *list) == 0)
            return true;
    return false;
}

int checkpoint_layers(Checkpoint *cp, const char *prefix, const char *const *parts) {
    size_t length = strlen(prefix);
    int n_layers = 0;
    for (int i = 0; i < tensors_count(cp->file) && !cp->failed; i++) {
        const char *name = tensors_at(cp->file, i)->name, *at = name + length;
        if (strncmp(name, prefix, length) != 0)
            continue;
        int layer = 0;
        for (; *at >= '0' && *at <= '9' && layer <= CHECKPOINT_MAX_LAYERS; at++)
            layer = 10 * layer + (*at - '0');
        if (at == name + length || layer >= CHECKPOINT_MAX_LAYERS)
            checkpoint_fail(cp, name, "not a layer within 0 .. %d", CHECKPOINT_MAX_LAYERS - 1);
        else if (*at != '.' || (parts && !is_one_of(at + 1, parts)))
            checkpoint_fail(cp, name, "CLIP has no such weight in a layer");
        else if (layer >= n_layers)
            n_layers = layer + 1;
    }
    return cp->failed ? 0 : n_layers;
}

/* Floats that can be used where they are in the map; NULL if they must be converted. */
static const float *floats_in_place(const Tensor *tensor) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (tensor->dtype == DTYPE_F32 && (uintptr_t)tensor->data % _Alignof(float) == 0)
        return (const float *)(const void *)tensor->data;
#endif
    (void)tensor;
    return NULL;
}

static bool all_finite(const float *x, size_t n) {
    /* x - x is 0 for a number, NaN for NaN and Inf; a sum of these keeps any NaN */
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (size_t i = 0; i < n; i++)
        sum += x[i] - x[i];
    return sum == 0;
}

/* Converts into the arena; a NaN or Inf is an error. */
static float *convert(Checkpoint *cp, const Tensor *tensor) {
    float *out = arena_floats(cp->arena, tensor->count, 1);
    if (!out)
        return out_of_memory(cp);
    if (tensor_to_float(cp->file, tensor, out, cp->err) != 0) {
        cp->failed = true;
        return NULL;
    }
    return out;
}

const float *checkpoint_tensor(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    const Tensor *tensor = need(cp, name, n_dims, shape);
    if (!tensor)
        return NULL;
    const float *in_place = floats_in_place(tensor);
    /* what is not finite goes through the conversion for its message */
    return in_place && all_finite(in_place, tensor->count) ? in_place : convert(cp, tensor);
}

const float *checkpoint_matrix(Checkpoint *cp, int rows, int columns, const char *format, ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return checkpoint_tensor(cp, name, 2, (int64_t[]){rows, columns});
}

const float *checkpoint_vector(Checkpoint *cp, int n, const char *format, ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return checkpoint_tensor(cp, name, 1, (int64_t[]){n});
}

/* Batch norm with running statistics as y = scale x + shift; double (n_out) each. */
static void read_norm(Checkpoint *cp, double *scale, double *shift, int n, const char *prefix,
                      const char *norm) {
    const float *gamma = checkpoint_vector(cp, n, "%s%s.weight", prefix, norm);
    const float *beta = checkpoint_vector(cp, n, "%s%s.bias", prefix, norm);
    const float *mean = checkpoint_vector(cp, n, "%s%s.running_mean", prefix, norm);
    const float *var = checkpoint_vector(cp, n, "%s%s.running_var", prefix, norm);
    for (int i = 0; i < n && !cp->failed; i++) {
        if (var[i] < 0) {
            char name[NAME_SIZE];
            snprintf(name, sizeof name, "%s%s.running_var", prefix, norm);
            checkpoint_fail(cp, name, "%g at index %d: a variance is not negative", (double)var[i], i);
            return;
        }
        scale[i] = gamma[i] / sqrt((double)var[i] + 1e-5);
        shift[i] = beta[i] - mean[i] * scale[i];
    }
}

/* w (area, n_in, n_out) from raw (n_out, n_in, area); a few outputs at a time, to fill whole cache lines. */
static void fold(float *w, float *b, const float *raw, const double *scale, const double *shift, int n_out,
                 int n_in, int area) {
    enum { LINE = 16 };
    for (int first = 0; first < n_out; first += LINE) {
        const int end = first + LINE < n_out ? first + LINE : n_out;
        for (int i = 0; i < n_in; i++)
            for (int at = 0; at < area; at++)
                for (int o = first; o < end; o++)
                    w[((size_t)at * n_in + i) * n_out + o] =
                        (float)(scale[o] * raw[((size_t)o * n_in + i) * area + at]);
    }
    for (int o = 0; o < n_out; o++)
        b[o] = (float)shift[o];
}

void checkpoint_conv(Checkpoint *cp, ConvWeights *conv, int n_out, int n_in, int kernel, const char *prefix,
                     const char *conv_name, const char *norm_name) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s.weight", prefix, conv_name);
    const int64_t shape[] = {n_out, n_in, kernel, kernel};
    const Tensor *tensor = need(cp, name, 4, shape);
    if (!tensor)
        return;
    float *w = arena_floats(cp->arena, tensor->count, 1); /* (kernel, kernel, n_in, n_out) */
    float *b = arena_floats(cp->arena, (size_t)n_out, 1);
    if (arena_failed(cp->arena)) {
        out_of_memory(cp);
        return;
    }
    *conv = (ConvWeights){.n_in = n_in, .n_out = n_out, .kernel = kernel, .w = w, .b = b};

    size_t mark = arena_mark(cp->arena); /* what follows is only needed to fold */
    double *scale = ARENA_NEW(cp->arena, double, n_out), *shift = ARENA_NEW(cp->arena, double, n_out);
    if (arena_failed(cp->arena)) {
        out_of_memory(cp);
        return;
    }
    read_norm(cp, scale, shift, n_out, prefix, norm_name);
    const float *raw = checkpoint_tensor(cp, name, 4, shape); /* (n_out, n_in, kernel, kernel) */
    if (raw)
        fold(w, b, raw, scale, shift, n_out, n_in, kernel * kernel);
    arena_reset(cp->arena, mark);
}
