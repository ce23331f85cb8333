/* linear_kind.c: one linear layer on features as the tower gives them: a linear probe.
 *
 *     logits = features weights^T + bias       tensors weights F64 [K, E], bias F64 [K]
 *
 * In double, as a probe is fitted: features are not of unit length, and weights may be large.
 */
#include "coop/learned/classifier_kind.h"

#include <math.h>
#include <string.h>

typedef struct {
    int n_classes, embed_dim;
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

static void *open(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
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
    *l = (Linear){.n_classes = input->n_classes, .embed_dim = (int)weights->shape[1]};
    input->embed_dim = l->embed_dim;
    l->weights = read_doubles(file, "weights", 2, shape, arena, err);
    l->bias = l->weights ? read_doubles(file, "bias", 1, shape, arena, err) : NULL;
    return l->bias ? l : NULL;
}

/* Sixteen sums side by side, always in this order. */
static double dot_double(const float *x, const double *w, int n) {
    enum { LANES = 16 };
    double sums[LANES] = {0}, sum = 0;
    int i = 0;
    for (; i + LANES <= n; i += LANES)
        for (int lane = 0; lane < LANES; lane++)
            sums[lane] += x[i + lane] * w[i + lane];
    for (; i < n; i++)
        sums[0] += x[i] * w[i];
    for (int lane = 0; lane < LANES; lane++)
        sum += sums[lane];
    return sum;
}

typedef struct {
    const Linear *linear;
    const float *features; /* (n, E) */
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
        for (int k = first; k < end; k++)
            work->logits[(size_t)i * K + (size_t)k] =
                (float)(l->bias[k] +
                        dot_double(work->features + (size_t)i * E, l->weights + (size_t)k * E, l->embed_dim));
}

static int linear_logits(const void *state, Pool *pool, float *logits, const float *features, int n,
                         Error *err) {
    Work work = {state, features, logits, n, 8};
    pool_run(pool, (work.linear->n_classes + work.block - 1) / work.block, run_tile, &work);
    return pool_stopped(pool, err);
}

const ClassifierKind linear_kind = {.name = "linear", .open = open, .logits = linear_logits};
