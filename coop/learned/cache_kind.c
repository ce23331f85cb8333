/* cache_kind.c: see cache_kind.h.
 *
 *     logits = e^s x text_features^T + votes of the keys, x = unit(features)
 */
#include "coop/learned/cache_kind.h"

#include "clip/math/ops.h"
#include "coop/learned/classifier_kind.h"
#include "coop/learned/row_product.h"

#include <math.h>
#include <string.h>

enum { CHUNK = 64, MAX_KEYS = 1 << 26 };

/* --- the file --- */

void image_cache_tensors(TensorOut out[IMAGE_CACHE_TENSORS], const ImageCache *cache, int embed_dim) {
    out[0] = (TensorOut){"keys", DTYPE_F32, 2, {cache->n_keys, embed_dim}, cache->keys};
    out[1] = (TensorOut){"labels", DTYPE_I32, 1, {cache->n_keys}, cache->labels};
    out[2] = (TensorOut){"alpha", DTYPE_F32, 1, {1}, &cache->alpha};
    out[3] = (TensorOut){"beta", DTYPE_F32, 1, {1}, &cache->beta};
}

static int read_floats(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                       float *values, Error *err) {
    const Tensor *tensor = tensors_need(file, name, n_dims, shape, err);
    return tensor ? tensor_to_float(file, tensor, values, err) : -1;
}

static const int *read_labels(const TensorFile *file, int n, int n_classes, Arena *arena, Error *err) {
    const Tensor *tensor = tensors_find(file, "labels");
    if (!tensor || tensor->dtype != DTYPE_I32 || tensor->n_dims != 1 || tensor->shape[0] != n) {
        error_set(err, "%s: tensor labels: I32 of shape [%d] is needed", tensors_path(file), n);
        return NULL;
    }
    int *labels = ARENA_NEW(arena, int, n);
    if (!labels) {
        error_memory(err);
        return NULL;
    }
    memcpy(labels, tensor->data, tensor->size);
    for (int i = 0; i < n; i++)
        if (labels[i] < 0 || labels[i] >= n_classes) {
            error_set(err, "%s: tensor labels: element %d is %d, where there are %d classes",
                      tensors_path(file), i, labels[i], n_classes);
            return NULL;
        }
    return labels;
}

int image_cache_read(ImageCache *cache, const TensorFile *file, int n_classes, int embed_dim, Arena *arena,
                     Error *err) {
    const int64_t shape[] = {-1, embed_dim}, one[] = {1};
    const Tensor *keys = tensors_need(file, "keys", 2, shape, err);
    if (!keys)
        return -1;
    if (keys->shape[0] < 1 || keys->shape[0] > MAX_KEYS)
        return error_set(err, "%s: tensor keys: %lld of them", tensors_path(file), (long long)keys->shape[0]);
    const int n = (int)keys->shape[0];
    float *values = arena_floats(arena, keys->count, 1);
    if (!values)
        return error_memory(err);
    *cache = (ImageCache){.n_keys = n, .keys = values};
    if (tensor_to_float(file, keys, values, err) < 0 ||
        !(cache->labels = read_labels(file, n, n_classes, arena, err)) ||
        read_floats(file, "alpha", 1, one, &cache->alpha, err) < 0 ||
        read_floats(file, "beta", 1, one, &cache->beta, err) < 0)
        return -1;
    return 0;
}

/* --- logits --- */

void image_cache_vote(const ImageCache *cache, float *logits, float *affinity) {
    const float alpha = cache->alpha, beta = cache->beta;
    for (int i = 0; i < cache->n_keys; i++) {
        affinity[i] = alpha * expf(-beta * (1 - affinity[i]));
        logits[cache->labels[i]] += affinity[i];
    }
}

typedef struct {
    int n_classes, embed_dim;
    float scale;
    ImageCache cache;
    PackedMatrix texts, keys;
} Cache;

static void *open(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    Cache *c = ARENA_NEW(arena, Cache, 1);
    if (!c) {
        error_memory(err);
        return NULL;
    }
    *c = (Cache){
        .n_classes = input->n_classes, .embed_dim = input->embed_dim, .scale = expf(input->logit_scale)};
    if (image_cache_read(&c->cache, file, c->n_classes, c->embed_dim, arena, err) < 0)
        return NULL;
    row_product_create(&c->texts, input->text_features, c->embed_dim, c->n_classes, arena);
    row_product_create(&c->keys, c->cache.keys, c->embed_dim, c->cache.n_keys, arena);
    if (!arena_failed(arena))
        return c;
    error_memory(err);
    return NULL;
}

typedef struct {
    const Cache *cache;
    float *logits, *affinity; /* (rows, K), (rows, n) */
} Votes;

static void vote_row(void *context, int row, int worker) {
    (void)worker;
    const Votes *votes = context;
    const Cache *c = votes->cache;
    float *logits = votes->logits + (size_t)row * (size_t)c->n_classes;
    for (int k = 0; k < c->n_classes; k++)
        logits[k] *= c->scale;
    image_cache_vote(&c->cache, logits, votes->affinity + (size_t)row * (size_t)c->cache.n_keys);
}

static int cache_logits(const void *state, Pool *pool, float *logits, const float *features, int n,
                        Error *err) {
    const Cache *c = state;
    const size_t E = (size_t)c->embed_dim;
    Arena *arena = arena_create();
    float *unit = arena_floats(arena, CHUNK, E),
          *affinity = arena_floats(arena, CHUNK, (size_t)c->cache.n_keys);
    int status = arena_failed(arena) ? error_memory(err) : 0;
    for (int first = 0; first < n && status == 0; first += CHUNK) {
        const int rows = n - first < CHUNK ? n - first : CHUNK;
        Votes votes = {c, logits + (size_t)first * (size_t)c->n_classes, affinity};
        unit_rows_forward(unit, NULL, features + (size_t)first * E, rows, c->embed_dim);
        row_product(pool, votes.logits, unit, &c->texts, rows);
        row_product(pool, affinity, unit, &c->keys, rows);
        pool_run(pool, rows, vote_row, &votes);
        status = pool_stopped(pool, err);
    }
    arena_free(arena);
    return status;
}

const ClassifierKind cache_kind = {.name = "cache", .has_texts = true, .open = open, .logits = cache_logits};
