/* checkpoint.c: the weights of a tensor file by name and shape (checkpoint.h). */
#include "clip/checkpoint/checkpoint.h"

#include "clip/checkpoint/folded_conv.h"
#include "clip/math/packed_conv.h"

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
    if (!cp->failed && (arena_failed(cp->arena) || arena_failed(cp->queue.arena)))
        cp->failed = error_memory(cp->err) < 0;
    return cp->failed;
}

/* Fails for a tensor, given the file's own name for it. */
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

/* One tensor by the file's own name and shape, each extent within bounds. */
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

/* Finds the tensors that make up one of OpenAI's. */
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

/* Converts into out; a NaN or Inf is an error. The thirds of PLACE_THREE follow one another. */
static void convert_into(Checkpoint *cp, const Found *found, float *out) {
    const size_t count = found->tensors[0]->count, mark = arena_mark(cp->arena);
    float *raw = found->form == PLACE_TRANSPOSED ? arena_floats(cp->arena, count, 1) : out;
    if (is_out_of_memory(cp))
        return;
    for (int i = 0; i < found->n && !cp->failed; i++)
        cp->failed = tensor_to_float(cp->file, found->tensors[i], raw + (size_t)i * count, cp->err) < 0;
    if (found->form == PLACE_TRANSPOSED && !cp->failed)
        transpose(out, raw, (size_t)found->tensors[0]->shape[1], (size_t)found->tensors[0]->shape[0]);
    arena_reset(cp->arena, mark);
}

/* The same into the arena. */
static float *convert(Checkpoint *cp, const Found *found) {
    float *out = arena_floats(cp->arena, (size_t)found->n, found->tensors[0]->count);
    if (!is_out_of_memory(cp))
        convert_into(cp, found, out);
    return cp->failed ? NULL : out;
}

const float *checkpoint_tensor(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    Found found;
    if (cp->failed || !need(cp, &found, name, n_dims, shape))
        return NULL;
    const float *in_place = found.form == PLACE_AS_IS ? tensor_in_place(found.tensors[0]) : NULL;
    /* a NaN or Inf goes through the conversion for its message */
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

const float *checkpoint_scaled(Checkpoint *cp, const float *gamma, int n, const char *format, ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const int64_t shape[] = {n};
    Found found;
    if (!gamma)
        return checkpoint_tensor(cp, name, 1, shape);
    float *out = !cp->failed && need(cp, &found, name, 1, shape) ? convert(cp, &found) : NULL;
    if (!out)
        return NULL;
    for (int i = 0; i < n; i++)
        out[i] *= gamma[i];
    return out;
}

/* --- the big ones --- */

static MatrixSource source_of(const Found *found, const float *gamma, int rows, int columns) {
    assert(found->form != PLACE_TRANSPOSED);
    MatrixSource source = {.n_parts = found->n, .rows = rows, .columns = columns, .gamma = gamma};
    memcpy(source.parts, found->tensors, sizeof source.parts);
    return source;
}

bool checkpoint_source(Checkpoint *cp, MatrixSource *source, const float *gamma, int rows, int columns,
                       const char *format, ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    Found found;
    if (cp->failed || !need(cp, &found, name, 2, (int64_t[]){rows, columns}))
        return false;
    *source = source_of(&found, gamma, rows, columns);
    return true;
}

static void put_floats(void *target, const MatrixSource *source, const float *rows, int first, int n) {
    const size_t columns = (size_t)source->columns;
    memcpy((float *)target + (size_t)first * columns, rows, (size_t)n * columns * sizeof *rows);
}

const float *checkpoint_floats(Checkpoint *cp, const MatrixSource *source) {
    if (cp->failed)
        return NULL;
    const float *in_place = matrix_in_place(source);
    float *out = in_place ? NULL : arena_floats(cp->arena, (size_t)source->rows, (size_t)source->columns);
    matrices_add(&cp->queue, source, 0, source->rows, in_place ? NULL : put_floats, out);
    return is_out_of_memory(cp) ? NULL : in_place ? in_place : out;
}

const float *checkpoint_large(Checkpoint *cp, const char *name, int n_dims, const int64_t *shape) {
    Found found;
    if (cp->failed || !need(cp, &found, name, n_dims, shape))
        return NULL;
    const int rows = (int)shape[0];
    const size_t count = found.tensors[0]->count * (size_t)found.n;
    const MatrixSource source = source_of(&found, NULL, rows, (int)(count / (size_t)rows));
    return checkpoint_floats(cp, &source);
}

void checkpoint_fill(Checkpoint *cp, float *out, const char *name, int n_dims, const int64_t *shape) {
    Found found;
    if (cp->failed || !need(cp, &found, name, n_dims, shape))
        return;
    if (found.form == PLACE_TRANSPOSED) {
        convert_into(cp, &found, out);
        return;
    }
    const int rows = n_dims > 1 ? (int)shape[0] : found.n; /* a vector is a row, or three */
    const size_t count = found.tensors[0]->count * (size_t)found.n;
    const MatrixSource source = source_of(&found, NULL, rows, (int)(count / (size_t)rows));
    matrices_add(&cp->queue, &source, 0, rows, put_floats, out);
    is_out_of_memory(cp);
}

static void put_packed(void *target, const MatrixSource *source, const float *rows, int first, int n) {
    (void)source;
    packed_rows(target, rows, first, n);
}

void checkpoint_pack(Checkpoint *cp, PackedMatrix *packed, const MatrixSource *source, int first, int rows) {
    if (cp->failed)
        return;
    packed_begin(packed, source->columns, rows, cp->precision, cp->arena);
    matrices_add(&cp->queue, source, first, rows, put_packed, packed);
    is_out_of_memory(cp);
}

/* Rows of a matrix from `first` on. */
typedef struct {
    MatrixSource source;
    int first;
} Deferred;

static void read_deferred(const void *context, float *out, int first, int rows, int k0, int count) {
    const Deferred *deferred = context;
    matrix_read(&deferred->source, out, deferred->first + first, rows, k0, count);
}

static const void *find_deferred(const void *context, int row, size_t *bytes) {
    const Deferred *deferred = context;
    return matrix_where(&deferred->source, deferred->first + row, bytes);
}

/* Rows that stay in the file are checked now, or whenever they are used. */
static void add_check(Checkpoint *cp, MatrixSource *source, int first, int rows) {
    matrices_add(cp->late ? &cp->late->queue : &cp->queue, source, first, rows, NULL, NULL);
    source->bad = cp->late ? &cp->late->bad : NULL;
}

/* NULL on failure. */
static const Deferred *defer(Checkpoint *cp, const MatrixSource *source, int first, int rows) {
    Deferred *deferred = cp->failed ? NULL : ARENA_NEW(cp->arena, Deferred, 1);
    if (deferred) {
        *deferred = (Deferred){.source = *source, .first = first};
        add_check(cp, &deferred->source, first, rows);
    }
    return is_out_of_memory(cp) ? NULL : deferred;
}

void checkpoint_defer(Checkpoint *cp, PackedMatrix *packed, const MatrixSource *source, int first, int rows) {
    const Deferred *deferred = defer(cp, source, first, rows);
    if (deferred)
        packed_defer(packed, source->columns, rows, read_deferred, find_deferred, deferred);
}

void checkpoint_rows(Checkpoint *cp, RowMatrix *matrix, int rows, int columns, const char *format, ...) {
    char name[NAME_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    MatrixSource source;
    if (!checkpoint_source(cp, &source, NULL, rows, columns, "%s", name))
        return;
    *matrix = (RowMatrix){0};
    if (!cp->late) {
        matrix->w = checkpoint_floats(cp, &source);
        return;
    }
    matrix->context = defer(cp, &source, 0, rows);
    matrix->read = read_deferred;
}

/* --- convolutions --- */

/* Batch norm with running statistics as y = scale x + shift; both (n_out). */
static void read_norm(Checkpoint *cp, double *scale, float *shift, int n, const char *prefix,
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
        shift[i] = (float)(beta[i] - mean[i] * scale[i]);
    }
}

/* Makes room for the weights in the form that this processor and the precision want. */
static void fold_alloc(Checkpoint *cp, FoldedConv *fold, ConvWeights *conv) {
    const int k = conv->kernel * conv->kernel * conv->n_in, n_out = conv->n_out;
    const size_t size = packed_conv_size(conv->n_in, n_out, conv->kernel);
    if (cp->precision == PRECISION_BFLOAT16) {
        conv->halves = fold->halves = bf16_begin(k, n_out, cp->arena);
        conv->bf16 = bf16_best_kernel();
    } else if (size) {
        conv->panels = fold->panels = arena_floats(cp->arena, size, 1);
        if (fold->panels)
            folded_conv_biases(fold);
        return;
    } else {
        conv->w = fold->w = arena_floats(cp->arena, (size_t)k, (size_t)n_out);
    }
    float *kept = arena_floats(cp->arena, (size_t)n_out, 1);
    if (kept)
        memcpy(kept, fold->b, (size_t)n_out * sizeof *kept);
    conv->b = kept;
}

/* Whether the panels are made whenever they are needed. */
static bool defers(const Checkpoint *cp, const ConvWeights *conv) {
    return cp->late && cp->precision == PRECISION_FLOAT32 &&
           packed_conv_size(conv->n_in, conv->n_out, conv->kernel) > 0;
}

/* Reads the norm, and makes room for the weights. */
static FoldedConv *begin_fold(Checkpoint *cp, ConvWeights *conv, const char *prefix, const char *norm_name) {
    const int n_out = conv->n_out;
    const bool later = defers(cp, conv);
    Arena *arena = later ? cp->arena : cp->queue.arena;
    FoldedConv *fold = ARENA_NEW(arena, FoldedConv, 1);
    double *scale = ARENA_NEW(arena, double, n_out);
    float *b = arena_floats(arena, (size_t)n_out, 1);
    if (is_out_of_memory(cp))
        return NULL;
    size_t mark = arena_mark(cp->arena); /* the vectors of the norm are not needed afterwards */
    read_norm(cp, scale, b, n_out, prefix, norm_name);
    if (cp->failed)
        return NULL;
    arena_reset(cp->arena, mark);
    *fold = (FoldedConv){.n_in = conv->n_in, .n_out = n_out, .kernel = conv->kernel, .scale = scale, .b = b};
    if (later) {
        conv->make_panel = folded_conv_panel;
        conv->context = fold;
    } else {
        fold_alloc(cp, fold, conv);
    }
    return is_out_of_memory(cp) ? NULL : fold;
}

void checkpoint_conv(Checkpoint *cp, ConvWeights *conv, int n_out, int n_in, int kernel, const char *prefix,
                     const char *conv_name, const char *norm_name) {
    char name[NAME_SIZE];
    snprintf(name, sizeof name, "%s%s.weight", prefix, conv_name);
    ConvWeights made = {.n_in = n_in, .n_out = n_out, .kernel = kernel};
    Found found;
    if (cp->failed || !need(cp, &found, name, 4, (int64_t[]){n_out, n_in, kernel, kernel}))
        return;
    FoldedConv *fold = begin_fold(cp, &made, prefix, norm_name);
    if (!fold)
        return;
    fold->source = source_of(&found, NULL, n_out, n_in * kernel * kernel);
    if (made.make_panel)
        add_check(cp, &fold->source, 0, n_out);
    else
        matrices_add(&cp->queue, &fold->source, 0, n_out, folded_conv_put, fold);
    if (!is_out_of_memory(cp))
        *conv = made;
}

void checkpoint_read(Checkpoint *cp, Pool *pool) {
    if (!is_out_of_memory(cp))
        cp->failed = matrices_read(&cp->queue, cp->file, pool, cp->err) < 0;
}
