/* attention_pool.h: the attention pool of CLIP's ModifiedResNet, with the gradients of its weights.
 *
 * Tokens are [mean of the map; the map's pixels] + positions, and the feature is c_proj of an attention whose
 * one query is the first token. So keys and values of all tokens are never formed, nor are their gradients:
 * with q_h (D), rows h of W_k, W_v (D, C) and tokens x (T, C),
 *
 *     score_t = q_h (W_k x_t + b_k) / sqrt(D) = u_h x_t + a constant,   u_h = q_h W_k / sqrt(D)
 *     sum_t p_t (W_v x_t + b_v) = W_v m_h + b_v,                        m_h = sum_t p_t x_t
 *
 * and the softmax drops the constant: the gradient of b_k is zero by construction, and stays exactly that.
 * All is in float: there is one row for each image.
 */
#ifndef CLIP_TRAIN_ATTENTION_POOL_H
#define CLIP_TRAIN_ATTENTION_POOL_H

#include "clip/base/parallel.h"
#include "clip/train/trainable_clip.h"

typedef struct AttentionPool AttentionPool;

/* For at most max_images; asks here which parameters have gradients. Owned by the arena; NULL, and the arena
 * has failed, when out of memory. */
AttentionPool *attention_pool_create(const TrainableClip *clip, Pool *pool, int max_images, Arena *arena);

/* features (n, E) of map (n, T - 1, C), of which what the backward pass needs is kept. */
void attention_pool_forward(AttentionPool *attention, float *features, const float *map, int n);
/* d_map (n, T - 1, C) = the gradient, given d_features (n, E) of the last forward pass; NULL: only those of
 * the weights, which are added to. */
void attention_pool_backward(AttentionPool *attention, float *d_map, const float *d_features, int n);

double attention_pool_flops(const TrainableClip *clip, bool backward); /* of one image */

#endif
