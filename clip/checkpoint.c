/* checkpoint.c: the weights of a tensor file by name and shape (checkpoint.h). */
#include "clip/checkpoint.h"

#include "clip/packed_conv.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { MAX_PARTS = 24 };

/* What a file holds of one of OpenAI's tensors: one tensor, or the three of PLACE_THREE. */
typedef struct {
    PlaceForm form;
    int n;
    const Tensor *tensors[3];
} Found;

static bool is_out_of_memory(Checkpoint *cp) {
    if (!cp->failed && arena_failed(cp->arena))
        cp->failed = error_memory(cp->err) != 0;
    return cp->failed;
}

/* Fails for a tensor by the file's own name. */
__attribute__((format(printf, 3, 4))) static void fail_at(Checkpoint *cp, const char *name,
                                                          const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    if (!cp->failed)
        error_set(cp->err, "%s: tensor %s: %s", tensors_path(cp->file), name, reason);
    cp->failed = true;
}

void checkpoint_fail(Checkpoint *cp, const char *name, const char *format, ...) {
    char reason[512];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    fail_at(cp, names_place(&cp->names, name).names[0], "%s", reason);
}

bool checkpoint_has(const Checkpoint *cp, const char *name) {
    return tensors_find(cp->file, names_place(&cp->names, name).names[0]) != NULL;
}

/* One tensor by the file's own name and shape, each extent in range. */
static const Tensor *need_one(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    const Tensor *tensor = tensors_need(cp->file, name, n_dims, shape, cp->err);
    cp->failed = tensor == NULL;
    for (int i = 0; i < n_dims && tensor; i++) {
        if (tensor->shape[i] < 1 || tensor->shape[i] > CHECKPOINT_MAX_DIM) {
            char text[128];
            fail_at(cp, name, "shape %s: a dimension is not within 1 .. %d",
                    tensor_shape_text(tensor, text, sizeof text), CHECKPOINT_MAX_DIM);
            return NULL;
        }
    }
    return tensor;
}

/* Finds what makes up one of OpenAI's tensors. */
static bool need(Checkpoint *cp, Found *found, const char *name, int n_dims, const int64_t *shape) {
    Place place = names_place(&cp->names, name);
    int64_t own[TENSOR_MAX_DIMS];
    memcpy(own, shape, (size_t)n_dims * sizeof *own);
    *found = (Found){.form = place.form, .n = place.form == PLACE_THREE ? 3 : 1};
    if (place.form == PLACE_THREE) {
        own[0] /= 3;
    } else if (place.form == PLACE_TRANSPOSED) {
        own[0] = shape[1];
        own[1] = shape[0];
    }
    for (int i = 0; i < found->n && !cp->failed; i++)
        found->tensors[i] = need_one(cp, place.names[i], n_dims, own);
    return !cp->failed;
}

int checkpoint_extent(Checkpoint *cp, const char *name, int axis, int n_dims, const int64_t *shape) {
    Found found;
    if (cp->failed || !need(cp, &found, name, n_dims, shape))
        return 0;
    return (int)found.tensors[0]->shape[found.form == PLACE_TRANSPOSED ? 1 - axis : axis];
}

/* What may follow "PREFIXn." in the file. */
typedef struct {
    char texts[MAX_PARTS][64];
    int n;
} Parts;

static void list_parts(Parts *list, const Checkpoint *cp, const char *prefix, size_t n_own,
                       const char *const *parts) {
    *list = (Parts){.n = 0};
    for (; *parts; parts++) {
        char name[NAME_SIZE];
        snprintf(name, sizeof name, "%s0.%s", prefix, *parts);
        Place place = names_place(&cp->names, name);
        for (int i = 0; i < (place.form == PLACE_THREE ? 3 : 1); i++) {
            assert(list->n < MAX_PARTS);
            snprintf(list->texts[list->n++], sizeof *list->texts, "%s",
                     place.names[i] + n_own + strlen("0."));
        }
    }
}

static bool is_part(const Parts *list, const char *text) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(text, list->texts[i]) == 0)
            return true;
    return false;
}

int checkpoint_layers(Checkpoint *cp, const char *prefix, const char *const *parts) {
    Place place = names_place(&cp->names, prefix);
    size_t length = strlen(place.names[0]);
    int n_layers = 0;
    Parts list;
    list_parts(&list, cp, prefix, length, parts);
    for (int i = 0; i < tensors_count(cp->file) && !cp->failed; i++) {
        const char *name = tensors_at(cp->file, i)->name, *at = name + length;
        if (strncmp(name, place.names[0], length) != 0)
            continue;
        int layer = 0;
        for (; *at >= '0' && *at <= '9' && layer <= CHECKPOINT_MAX_LAYERS; at++)
            layer = 10 * layer + (*at - '0');
        if (at == name + length || layer >= CHECKPOINT_MAX_LAYERS)
            fail_at(cp, name, "not a layer within 0 .. %d", CHECKPOINT_MAX_LAYERS - 1);
        else if (*at != '.' || !is_part(&list, at + 1))
            fail_at(cp, name, "CLIP has no such weight in a layer");
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

/* out (rows, columns) from in (columns, rows); in squares, which fill whole cache lines on both sides */
static void transpose(float *out, const float *in, size_t rows, size_t columns) {
    const size_t side = 16;
    for (size_t r = 0; r < rows; r += side)
        for (size_t c = 0; c < columns; c += side)
            for (size_t i = r; i < rows && i < r + side; i++)
                for (size_t j = c; j < columns && j < c + side; j++)
                    out[i * columns + j] = in[j * rows + i];
}

/* Converts into the arena; a NaN or Inf is an error. The thirds of PLACE_THREE follow one another. */
static float *convert(Checkpoint *cp, const Found *found) {
    const size_t count = found->tensors[0]->count;
    float *out = arena_floats(cp->arena, (size_t)found->n, count);
    size_t mark = arena_mark(cp->arena);
    float *raw = found->form == PLACE_TRANSPOSED ? arena_floats(cp->arena, count, 1) : out;
    if (is_out_of_memory(cp))
        return NULL;
    for (int i = 0; i < found->n && !cp->failed; i++)
        cp->failed = tensor_to_float(cp->file, found->tensors[i], raw + (size_t)i * count, cp->err) != 0;
    if (found->form == PLACE_TRANSPOSED && !cp->failed)
        transpose(out, raw, (size_t)found->tensors[0]->shape[1], (size_t)found->tensors[0]->shape[0]);
    arena_reset(cp->arena, mark);
    return cp->failed ? NULL : out;
}

const float *checkpoint_tensor(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    Found found;
    if (cp->failed || !need(cp, &found, name, n_dims, shape))
        return NULL;
    const float *in_place = found.form == PLACE_AS_IS ? floats_in_place(found.tensors[0]) : NULL;
    /* what is not finite goes through the conversion for its message */
    return in_place && all_finite(in_place, found.tensors[0]->count) ? in_place : convert(cp, &found);
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

const float *checkpoint_scaled(Checkpoint *cp, const float *gamma, int rows, int columns, const char *format,
                               ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const int64_t shape[] = {rows, columns};
    const int n_dims = columns > 0 ? 2 : 1;
    Found found;
    if (!gamma)
        return checkpoint_tensor(cp, name, n_dims, shape);
    float *out = !cp->failed && need(cp, &found, name, n_dims, shape) ? convert(cp, &found) : NULL;
    const size_t n = columns > 0 ? (size_t)columns : 1;
    for (size_t r = 0; out && r < (size_t)rows; r++)
        for (size_t i = 0; i < n; i++)
            out[r * n + i] *= gamma[r];
    return out;
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
    Found found;
    if (cp->failed || !need(cp, &found, name, 4, shape))
        return;
    const size_t size = packed_conv_size(n_in, n_out, kernel);
    float *panels = size ? arena_floats(cp->arena, size, 1) : NULL;
    const size_t packed = arena_mark(cp->arena);
    float *w = arena_floats(cp->arena, found.tensors[0]->count, 1); /* (kernel, kernel, n_in, n_out) */
    float *b = arena_floats(cp->arena, (size_t)n_out, 1);
    const size_t folded = arena_mark(cp->arena); /* what follows is only needed to fold */
    double *scale = ARENA_NEW(cp->arena, double, n_out), *shift = ARENA_NEW(cp->arena, double, n_out);
    if (is_out_of_memory(cp))
        return;
    *conv = (ConvWeights){.n_in = n_in, .n_out = n_out, .kernel = kernel, .w = w, .b = b};
    read_norm(cp, scale, shift, n_out, prefix, norm_name);
    const float *raw = checkpoint_tensor(cp, name, 4, shape); /* (n_out, n_in, kernel, kernel) */
    if (raw)
        fold(w, b, raw, scale, shift, n_out, n_in, kernel * kernel);
    if (raw && panels) {
        packed_conv_pack(panels, conv);
        *conv = (ConvWeights){.n_in = n_in, .n_out = n_out, .kernel = kernel, .panels = panels};
    }
    arena_reset(cp->arena, panels ? packed : folded);
}
