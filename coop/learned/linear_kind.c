/* linear_kind.c: one linear layer on features, as the tower gives them ("linear": a linear probe) or of unit
 * length ("unit_linear": most learners on cached features).
 *
 *     logits = features weights^T + bias       tensors weights F64 [K, E], bias F64 [K]
 *
 * In double, as a probe is fitted: features may be of any length, and weights large.
 */
#include "coop/learned/classifier_kind.h"

#include <math.h>
#include <string.h>

typedef struct {
    int n_classes, embed_dim;
    bool of_unit_length;   /* the features that are taken */
    const double *weights; /* (K, E) */
    const double *bias;    /* (K) */
} Linear;

static const double *read_doubles(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                                  Arena *arena, Error *err) {
    const Tensor *tensor = tensors_need(file, name, n_dims, shape, err);
    if (!tensor)
        return NULL;
    if (tensor->dtype != DTYPE_F64) {
        error_set(err, "%s: tensor %s: type %s where F64 is needed", tensors_path(file), name,
                  dtype_name(tensor->dtype));
        return NULL;
    }
    double *values = ARENA_NEW(arena, double, tensor->count);
    if (!values) {
        error_memory(err);
        return NULL;
    }
    memcpy(values, tensor->data, tensor->size);
    for (size_t i = 0; i < tensor->count; i++)
        if (!isfinite(values[i])) {
            error_set(err, "%s: tensor %s: element %zu is not finite", tensors_path(file), name, i);
            return NULL;
        }
    return values;
}

static void *open_layer(KindInput *input, const TensorFile *file, bool of_unit_length, Arena *arena,
                        Error *err) {
    const int64_t shape[] = {input->n_classes, -1};
    Linear *l = ARENA_NEW(arena, Linear, 1);
    if (!l) {
        error_memory(err);
        return NULL;
    }
    const Tensor *weights = tensors_need(file, "weights", 2, shape, err);
    if (!weights)
        return NULL;
    if (weights->shape[1] < 1 || weights->shape[1] > 1 << 24) {
        error_set(err, "%s: tensor weights: width %lld", tensors_path(file), (long long)weights->shape[1]);
        return NULL;
    }
    *l = (Linear){
        .n_classes = input->n_classes, .embed_dim = (int)weights->shape[1], .of_unit_length = of_unit_length};
    input->embed_dim = l->embed_dim;
    l->weights = read_doubles(file, "weights", 2, shape, arena, err);
    l->bias = l->weights ? read_doubles(file, "bias", 1, shape, arena, err) : NULL;
    return l->bias ? l : NULL;
}

static void *open_linear(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    return open_layer(input, file, false, arena, err);
}

static void *open_unit_linear(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    return open_layer(input, file, true, arena, err);
}

enum { LANES = 16 };

static double add_lanes(const double *sums) {
    double sum = 0;
    for (int lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

/* Sixteen sums side by side, always in this order. */
static double dot_double(const float *x, const double *w, int n) {
    double sums[LANES] = {0};
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += x[i + lane] * w[i + lane];
    for (; i < n; i++)
        sums[0] += x[i] * w[i];
    return add_lanes(sums);
}

static double length(const float *x, int n) {
    double sums[LANES] = {0};
    for (int i = 0; i < n; i++)
        sums[i % LANES] += (double)x[i] * x[i];
    return sqrt(add_lanes(sums));
}

typedef struct {
    const Linear *linear;
    const float *features; /* (n, E) */
    const double *lengths; /* (n), by which they are divided */
    float *logits;         /* (n, K) */
    int n, block;          /* classes of a tile */
} Work;

/* A few classes of all images: their weights stay in the cache. */
static void run_tile(void *context, int tile, int worker) {
    (void)worker;
    const Work *work = context;
    const Linear *l = work->linear;
    const size_t K = (size_t)l->n_classes, E = (size_t)l->embed_dim;
    const int first = tile * work->block;
    const int end = first + work->block < l->n_classes ? first + work->block : l->n_classes;
    for (int i = 0; i < work->n; i++)
        for (int k = first; k < end; k++) {
            const double product =
                dot_double(work->features + (size_t)i * E, l->weights + (size_t)k * E, l->embed_dim);
            work->logits[(size_t)i * K + (size_t)k] = (float)(l->bias[k] + product / work->lengths[i]);
        }
}

static int linear_logits(const void *state, Pool *pool, float *logits, const float *features, int n,
                         Error *err) {
    const Linear *l = state;
    Arena *arena = arena_create();
    double *lengths = ARENA_NEW(arena, double, n);
    int status = lengths ? 0 : error_memory(err);
    for (int i = 0; status == 0 && i < n; i++)
        lengths[i] =
            l->of_unit_length ? length(features + (size_t)i * (size_t)l->embed_dim, l->embed_dim) : 1;
    Work work = {l, features, lengths, logits, n, 8};
    if (status == 0) {
        pool_run(pool, (l->n_classes + work.block - 1) / work.block, run_tile, &work);
        status = pool_stopped(pool, err);
    }
    arena_free(arena);
    return status;
}

const ClassifierKind linear_kind = {
    .name = "linear", .needs_length = true, .open = open_linear, .logits = linear_logits};
const ClassifierKind unit_linear_kind = {
    .name = "unit_linear", .open = open_unit_linear, .logits = linear_logits};
