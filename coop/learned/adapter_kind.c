/* adapter_kind.c: a small network beside the image features, and then images against classes: CLIP-Adapter.
 *
 *     g = ratio relu(w2 relu(w1 features)) + (1 - ratio) features;  logits = e^s unit(g) text_features^T
 *     tensors w1 F32 [H, E], w2 F32 [E, H], ratio F32 [1]
 */
#include "clip/math/ops.h"
#include "coop/learned/classifier_kind.h"
#include "coop/learned/row_product.h"

#include <math.h>

enum { CHUNK = 256, MAX_HIDDEN = 1 << 20 };

typedef struct {
    int n_classes, embed_dim, hidden; /* K, E, H */
    float scale, ratio;
    PackedMatrix w1, w2, texts;
} Adapter;

static const float *read_floats(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                                Arena *arena, Error *err) {
    const Tensor *tensor = tensors_need(file, name, n_dims, shape, err);
    float *values = tensor ? arena_floats(arena, tensor->count, 1) : NULL;
    if (tensor && !values)
        error_memory(err);
    return values && tensor_to_float(file, tensor, values, err) == 0 ? values : NULL;
}

static void *open(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    const int64_t any[] = {-1, input->embed_dim}, one[] = {1};
    const int E = input->embed_dim;
    const Tensor *first = tensors_need(file, "w1", 2, any, err);
    if (!first)
        return NULL;
    if (first->shape[0] < 1 || first->shape[0] > MAX_HIDDEN) {
        error_set(err, "%s: tensor w1: height %lld", tensors_path(file), (long long)first->shape[0]);
        return NULL;
    }
    const int H = (int)first->shape[0];
    const int64_t shape1[] = {H, E}, shape2[] = {E, H};
    const float *w1 = read_floats(file, "w1", 2, shape1, arena, err);
    const float *w2 = w1 ? read_floats(file, "w2", 2, shape2, arena, err) : NULL;
    const float *ratio = w2 ? read_floats(file, "ratio", 1, one, arena, err) : NULL;
    if (!ratio)
        return NULL;
    Adapter *a = ARENA_NEW(arena, Adapter, 1);
    if (a) {
        *a = (Adapter){.n_classes = input->n_classes,
                       .embed_dim = E,
                       .hidden = H,
                       .scale = expf(input->logit_scale),
                       .ratio = *ratio};
        row_product_create(&a->w1, w1, E, H, arena);
        row_product_create(&a->w2, w2, H, E, arena);
        row_product_create(&a->texts, input->text_features, E, input->n_classes, arena);
    }
    if (!arena_failed(arena))
        return a;
    error_memory(err);
    return NULL;
}

static void relu(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = x[i] > 0 ? x[i] : 0;
}

static int adapter_logits(const void *state, Pool *pool, float *logits, const float *features, int n,
                          Error *err) {
    const Adapter *a = state;
    const size_t K = (size_t)a->n_classes, E = (size_t)a->embed_dim, H = (size_t)a->hidden;
    Arena *arena = arena_create();
    float *inside = arena_floats(arena, CHUNK, H), *g = arena_floats(arena, CHUNK, E);
    int status = arena_failed(arena) ? error_memory(err) : 0;
    for (int first = 0; first < n && status == 0; first += CHUNK) {
        const int rows = n - first < CHUNK ? n - first : CHUNK;
        const float *in = features + (size_t)first * E;
        float *out = logits + (size_t)first * K;
        row_product(pool, inside, in, &a->w1, rows);
        relu(inside, (size_t)rows * H);
        row_product(pool, g, inside, &a->w2, rows);
        relu(g, (size_t)rows * E);
        for (size_t i = 0; i < (size_t)rows * E; i++)
            g[i] = a->ratio * g[i] + (1 - a->ratio) * in[i];
        unit_rows_forward(g, NULL, g, rows, a->embed_dim);
        row_product(pool, out, g, &a->texts, rows);
        for (size_t i = 0; i < (size_t)rows * K; i++)
            out[i] *= a->scale;
        status = pool_stopped(pool, err);
    }
    arena_free(arena);
    return status;
}

const ClassifierKind adapter_kind = {
    .name = "adapter", .has_texts = true, .open = open, .logits = adapter_logits};
