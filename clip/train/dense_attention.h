/* dense_attention.h: multi-head attention within images, without a mask, forward and backward. */
#ifndef CLIP_TRAIN_DENSE_ATTENTION_H
#define CLIP_TRAIN_DENSE_ATTENTION_H

#include "clip/base/parallel.h"

/* Each image has T keys and values and Q queries, its own. A key row is followed by its value row: v = k + C.
 */
typedef struct {
    int n_images, n_tokens, n_queries; /* n, T, Q */
    int n_heads, width;                /* H, C */
    const float *q;                    /* (n, Q, q_stride), C of each row used */
    const float *kv;                   /* (n, T, kv_stride), 2C of each row used */
    int q_stride, kv_stride;
    float *probs; /* (n, H, Q, T) */
} DenseAttention;

/* out (n, Q, C) = softmax(q k^T / sqrt(D)) v, with D = C / H; probs is written. */
void dense_attention_forward(Pool *pool, float *out, const DenseAttention *attention);

/* Given d_out (n, Q, C) and the probs of the forward pass: d_q (n, Q, q_stride) and d_kv (n, T, kv_stride),
 * both overwritten. scratch: (pool_threads, Q, T). */
void dense_attention_backward(Pool *pool, float *d_q, float *d_kv, float *scratch, const float *d_out,
                              const DenseAttention *attention);

#endif
