/* text_head.h: what stands behind the last block of the text tower, from the rows of the leaves to features.
 *
 *     feature = ln_final(x) text_projection
 *
 * Apart from the blocks, because all leaves go through it together: the projection is OpenBLAS's, whose bits
 * depend on how many rows there are, while those of the blocks do not (clip/math/packed.h).
 */
#ifndef CLIP_TEXT_TEXT_HEAD_H
#define CLIP_TEXT_TEXT_HEAD_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/tower_weights.h"

#include <stdbool.h>

typedef struct {
    const TextWeights *w;
    int n_leaves, n_prompts;   /* U, P */
    const int *leaf_of_prompt; /* (P) */
    float *x, *d_x;            /* (U, C): of the leaves, for the caller to fill; their gradient */
    float *h, *mean, *rstd;    /* (U, C), (U), (U) */
    float *features;           /* (U, E) */
    float *projection;         /* (E, C): transposed, as a linear layer's weight */
} TextHead;

/* Arrays are owned by the arena: ask arena_failed. Weights and leaf_of_prompt are borrowed. */
TextHead text_head(const TextWeights *weights, int n_leaves, int n_prompts, const int *leaf_of_prompt,
                   bool training, Arena *arena);

/* features (P, E) from x. */
void text_head_forward(TextHead *head, Pool *pool, float *features);
/* d_x from d_features (P, E), after a forward pass. */
void text_head_backward(TextHead *head, Pool *pool, const float *d_features);

#endif
