/* text_adapter.h: CLIP with one trained layer behind its frozen text encoder.
 *
 *     linear   t' = W t     W (E, E), the identity at the start
 *     bias     t' = t + b   b (E), zero at the start, the same for all classes
 *
 * Zhou et al. 2022 compare these with learned prompts ("Comparison with other fine-tuning methods"). The
 * paper does not say how they are trained; here t has unit length, t' is normalised again, and the recipe is
 * that of the prompts.
 */
#ifndef COOP_TEXT_ADAPTER_H
#define COOP_TEXT_ADAPTER_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "coop/trainer.h"

#include <stdint.h>

typedef enum { TEXT_LINEAR, TEXT_BIAS } TextLayer;

typedef struct TextAdapter TextAdapter;

/* text (K, E), unit length, and the pool are borrowed; logit_scale is a logarithm; seed is that of the order
 * of the batches, as torch.manual_seed. Owned by the arena; NULL when there is no memory. */
TextAdapter *text_adapter_create(TextLayer layer, const float *text, int n_classes, int embed_dim,
                                 float logit_scale, uint32_t seed, Pool *pool, Arena *arena);

/* What the training loop sees: W or b, called "weight" or "bias". Owned by the adapter. */
const Trainee *text_adapter_trainee(TextAdapter *adapter);

/* features (K, E): t' of unit length. */
void text_adapter_features(TextAdapter *adapter, float *features);

#endif
