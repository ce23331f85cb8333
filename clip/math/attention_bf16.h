/* attention_bf16.h: attention of one head without a mask, out = softmax(q k^T / sqrt(D)) v, in bfloat16.
 *
 * What is rounded (to nearest, ties to even): q, k and v, and the weights e^((s - m) / sqrt(D)) of a row of
 * scores s with the largest one m, so that the largest weight is 1 to the bit. Everything else is in float:
 * scores, m, the exponentials before they are rounded, the sum of the rounded weights, the weighted sum of
 * values, and its division by the sum of weights, which comes last. Scores that are more than 80 sqrt(D)
 * below the largest count as that much below; a NaN among a row's scores makes the whole row NaN.
 *
 * The bits of a row of out follow from that row of q, all of k and v, and the kernel.
 */
#ifndef CLIP_MATH_ATTENTION_BF16_H
#define CLIP_MATH_ATTENTION_BF16_H

#include "clip/base/arena.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/tile_ops.h"

/* What one thread works in. */
typedef struct {
    uint16_t *keys, *values;     /* panels of k^T and v */
    uint16_t *queries, *weights; /* of some rows of q */
    float *scores, *sums;        /* of these, and of their weights */
} AttentionScratch;

/* For up to T keys of size D. Owned by the arena; check arena_failed. */
AttentionScratch attention_scratch(int T, int D, Arena *arena);

/* On the calling thread, with a kernel that this processor has. */
void attention_bf16_head(Bf16Kernel kernel, const AttentionHead *head, const AttentionScratch *scratch);

#endif
