/* tile_ops.h: what the layers of an image tower are made of beside packed products.
 *
 * Each image is a GEMM of its own, always cut alike, so its result does not depend on how many images or
 * threads there are, or on its place among them.
 */
#ifndef CLIP_MATH_TILE_OPS_H
#define CLIP_MATH_TILE_OPS_H

#include "clip/base/parallel.h"

/* In how many tiles of at most `most` images n > 0 of them go, so that all workers are busy to the end. No
 * bit of a feature may depend on it. */
int tile_count(int n, int most, int workers);

/* The first image of a tile, and behind the last tile n. Tiles differ by one image at most, and so do the
 * shares of workers, who each begin with as many adjacent tiles. */
int tile_first(int n, int n_tiles, int tile);

/* out = in w^T, by all threads of the pool (NULL: this one).
 *   out (rows, n_out)   in (rows, n_in)   w (n_out, n_in) */
void tile_linear_forward(Pool *pool, float *out, const float *in, const float *w, int rows, int n_in,
                         int n_out);

/* One head of one image, without a mask: out = softmax(q k^T / sqrt(D)) v. */
typedef struct {
    float *out;                          /* (Q, D) */
    const float *q, *k, *v;              /* (Q, D), (T, D), (T, D) */
    int out_stride, q_stride, kv_stride; /* from one row to the next */
    int Q, T, D;
} AttentionHead;

/* On the calling thread; scores (Q, T) is scratch. */
void tile_attention_head(const AttentionHead *head, float *scores);

#endif
