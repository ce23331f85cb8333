/* cache_kind.h: a cache of labelled images beside CLIP's classifier, as Tip-Adapter has it
 * (coop/tip_adapter.h): every cached image votes for its class.
 *
 * Tensors: keys F32 [n, E], labels I32 [n] in 0..K-1, alpha and beta F32 [1].
 */
#ifndef COOP_LEARNED_CACHE_KIND_H
#define COOP_LEARNED_CACHE_KIND_H

#include "clip/base/arena.h"
#include "clip/tensors/tensors.h"

typedef struct {
    int n_keys;
    const float *keys; /* (n, E) */
    const int *labels; /* (n) */
    float alpha, beta;
} ImageCache;

/* Checks shapes, labels and numbers; owned by the arena. */
int image_cache_read(ImageCache *cache, const TensorFile *file, int n_classes, int embed_dim, Arena *arena,
                     Error *err);

enum { IMAGE_CACHE_TENSORS = 4 };
void image_cache_tensors(TensorOut out[IMAGE_CACHE_TENSORS], const ImageCache *cache, int embed_dim);

/* logits (K) += alpha exp(-beta (1 - affinity)) at each key's label; that becomes affinity (n), which begins
 * as the products of an image with the keys. */
void image_cache_vote(const ImageCache *cache, float *logits, float *affinity);

#endif
