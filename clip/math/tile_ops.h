/* tile_ops.h: what the layers of an image tower are made of, on one thread (within one tile of a Pool).
 *
 * A tile may hold several images, for all of which the weights are then read once. Each image is still a GEMM
 * of its own, always of the same size, so its result does not depend on how many images there are or on its
 * place among them.
 */
#ifndef CLIP_MATH_TILE_OPS_H
#define CLIP_MATH_TILE_OPS_H

#include <stdbool.h>

/* How many of n images a tile takes: at most `most`, and so that the tiles keep all workers busy to the end.
 * No bit of a feature may depend on it. */
int tile_images(int n, int most, int workers);

/* out = in w^T + bias, or with accumulate out += in w^T + bias. rows are those of one image.
 *   out (n_images, rows, n_out)   in (n_images, rows, n_in)   w (n_out, n_in)   bias (n_out) or NULL */
void tile_linear_forward(float *out, const float *in, const float *w, const float *bias, int n_images,
                         int rows, int n_in, int n_out, bool accumulate);

/* Multi-head attention of one image, without a mask: out = softmax(q k^T / sqrt(D)) v, head by head, with
 * D = C / H.
 *   out (Q, C)   q (Q, q_stride), C of each row used   scores (Q, T), scratch
 *   kv (T, kv_stride), 2C of each row used: keys, then values */
void tile_attention_forward(float *out, const float *q, int q_stride, const float *kv, int kv_stride,
                            float *scores, int Q, int T, int C, int H);

#endif
