/* cosine_kind.c: images against classes, as CLIP itself: prompts, text layers, and whatever else ends in one
 * text feature per class.
 *
 *     logits = e^s unit(features) text_features^T
 */
#include "clip/math/ops.h"
#include "coop/learned/classifier_kind.h"
#include "coop/learned/row_product.h"

#include <math.h>

enum { CHUNK = 256 };

typedef struct {
    int n_classes, embed_dim;
    float scale;
    PackedMatrix texts;
} Cosine;

static void *open(KindInput *input, const TensorFile *file, Arena *arena, Error *err) {
    (void)file;
    Cosine *c = ARENA_NEW(arena, Cosine, 1);
    if (c) {
        *c = (Cosine){
            .n_classes = input->n_classes, .embed_dim = input->embed_dim, .scale = expf(input->logit_scale)};
        row_product_create(&c->texts, input->text_features, c->embed_dim, c->n_classes, arena);
    }
    if (!arena_failed(arena))
        return c;
    error_memory(err);
    return NULL;
}

static int cosine_logits_of(const void *state, Pool *pool, float *logits, const float *features, int n,
                            Error *err) {
    const Cosine *c = state;
    const size_t K = (size_t)c->n_classes, E = (size_t)c->embed_dim;
    Arena *arena = arena_create();
    float *unit = arena_floats(arena, CHUNK, E);
    int status = unit ? 0 : error_memory(err);
    for (int first = 0; first < n && status == 0; first += CHUNK) {
        const int rows = n - first < CHUNK ? n - first : CHUNK;
        float *out = logits + (size_t)first * K;
        unit_rows_forward(unit, NULL, features + (size_t)first * E, rows, c->embed_dim);
        row_product(pool, out, unit, &c->texts, rows);
        for (size_t i = 0; i < (size_t)rows * K; i++)
            out[i] *= c->scale;
        status = pool_stopped(pool, err);
    }
    arena_free(arena);
    return status;
}

const ClassifierKind cosine_kind = {
    .name = "cosine", .has_texts = true, .open = open, .logits = cosine_logits_of};
