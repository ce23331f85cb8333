/* text_encoder.h: CLIP's text tower over a prefix tree of prompts, forward and backward.
 *
 *     x = token or context + position;  L blocks;  feature = ln_final(x at EOS) text_projection
 *
 * (Radford et al. 2021; openai/CLIP model.py, encode_text; CoOp's TextEncoder.) The result is that of the
 * padded batch, up to rounding, at the cost of one row per distinct prefix. The backbone is frozen: the
 * backward pass gives gradients of the context vectors only. Frozen nodes are computed once, at creation. See
 * token_tree.h for the parts of a tree.
 *
 * Memory: the forward pass keeps the activations of every segment (for each node, about 36 bytes times width
 * times layers). If that would exceed the budget, it keeps the inputs of all blocks (a tenth of it) and as
 * much of the rest as fits, and the backward pass recomputes what is missing block by block: the same
 * products in the same tiles, so the same bits. If even the inputs are too many, it repeats a segment's whole
 * forward pass.
 */
#ifndef CLIP_TEXT_TEXT_ENCODER_H
#define CLIP_TEXT_TEXT_ENCODER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/tower_weights.h"
#include "clip/text/text_head.h"
#include "clip/text/token_tree.h"

#include <stdbool.h>

typedef struct TextEncoder TextEncoder;

/* How many symbols a prompt may have, including SOS and EOS. */
static inline int text_max_symbols(const TextWeights *weights) {
    return weights->n_positions < TREE_MAX_DEPTH ? weights->n_positions : TREE_MAX_DEPTH;
}

/* Weights, tree and pool are borrowed. With training, both forward and backward may be called, many times;
 * without it, only forward. memory_budget is in bytes; 0: no bound. Caller frees. */
TextEncoder *text_encoder_create(const TextWeights *weights, const TokenTree *tree, Pool *pool, bool training,
                                 size_t memory_budget, Error *err);
void text_encoder_free(TextEncoder *encoder); /* NULL is fine */

/* The same for the blocks [first, end) alone. Where the first is not block 0, all symbols are rows of the
 * table of contexts, and these are the inputs of block `first` as they are. Where end is not behind the last
 * block, features are the outputs of block end - 1, (N, C) for every node of the tree, and d_features are
 * likewise. */
TextEncoder *text_encoder_create_part(const TextWeights *weights, const TokenTree *tree, Pool *pool,
                                      bool training, int first, int end, size_t memory_budget, Error *err);

/* features (P, E), not of unit length, in the order of the prompts. contexts (n_contexts, C): the rows that
 * context symbols name; NULL for a tree without any. Returns 0; without training, also -1 with the features
 * unfinished when the pool is stopped. */
int text_encoder_forward(TextEncoder *encoder, float *features, const float *contexts);

/* d_contexts (n_contexts, C) += the gradient at the contexts of the last forward call (which must still hold
 * the same values), given d_features (P, E). */
void text_encoder_backward(TextEncoder *encoder, float *d_contexts, const float *d_features);

/* The floating-point operations of the matrix products and attention of one forward pass (with `backward`, of
 * one backward pass too). */
double text_encoder_flops(const TextWeights *weights, const TokenTree *tree, bool backward);

/* The bytes of all activations that a training keeps where the budget allows it. */
size_t text_encoder_bytes(const TextWeights *weights, const TokenTree *tree);

/* Whether the budget was too small to keep all activations. */
bool text_encoder_recomputes(const TextEncoder *encoder);

/* --- in pieces, for a process that has a part of a tree (tree_part.h) ---
 *
 * text_encoder_forward is forward_leaves and the head's forward pass; text_encoder_backward is the head's
 * backward pass, backward_units and backward_trunk. The first part of several does as much, but for the head,
 * and the others, which keep late, in their turn between the units and the trunk of the first:
 *
 *     first   backward_units                         backward_trunk
 *     next    backward_units          add_late       ^
 *     last    backward_units          |       add_late
 *                                     trunk, d_contexts: each adds to what the one before it had
 */
TextHead *text_encoder_head(TextEncoder *encoder); /* whose x and d_x are those of the leaves, ascending */
int text_encoder_forward_leaves(TextEncoder *encoder, const float *contexts);
void text_encoder_backward_units(TextEncoder *encoder, float *d_contexts);
void text_encoder_backward_trunk(TextEncoder *encoder, float *d_contexts);

/* The n numbers of gradient at the keys and values of the trunk. */
float *text_encoder_trunk(TextEncoder *encoder, size_t *n);

/* From now on backward_units, with d_contexts NULL, keeps what it leaves at trunk and contexts, and add_late
 * adds it. That takes so many bytes beside the budget, at most. */
int text_encoder_keep_late(TextEncoder *encoder, Error *err);
size_t text_encoder_late_bytes(const TextWeights *weights, const TokenTree *tree);
void text_encoder_add_late(TextEncoder *encoder, float *d_contexts);

#endif
