/* text_block.h: one transformer block over one segment of a prefix tree, forward and backward.
 *
 *     x2 = x + out_proj(attention(in_proj(ln_1(x))))        y = x2 + c_proj(act(c_fc(ln_2(x2))))
 *
 * In the last block only EOS nodes need queries, projection and MLP: `leaves` names them, and y holds only
 * their rows.
 */
#ifndef CLIP_TEXT_TEXT_BLOCK_H
#define CLIP_TEXT_TEXT_BLOCK_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/tower_weights.h"
#include "clip/text/tree_attention.h"

#include <stdbool.h>

/* The nodes [first, first + rows), and those of them that the last block is for. */
typedef struct {
    int first, rows;   /* R */
    const int *leaves; /* (n_leaves) EOS nodes among them */
    int n_leaves;
} Segment;

/* What the backward pass of one block needs. Q = R rows, or n_leaves in the last block. */
typedef struct {
    float *x;               /* (R, C) the input; not placed by block_cache_place */
    float *mean_1, *rstd_1; /* (R) */
    float *q, *kv;          /* (Q, C) and (R, 2C); interleaved as (R, 3C) except in the last block */
    int q_stride, kv_stride;
    float *probs;           /* (H, depth + 1) of each query */
    float *x2;              /* (Q, C) */
    float *mean_2, *rstd_2; /* (Q) */
    float *fc;              /* (Q, F) before the activation */
    LateKeys *late;         /* not placed either; NULL: the backward pass adds to the trunk at once */
} BlockCache;

/* Buffers for the duration of a call; one set serves every segment. R is that of the largest segment. */
typedef struct {
    float *h, *att;    /* (R, C) */
    float *g;          /* (R, F) */
    float *d_x2, *d_h; /* (R, C) */
    float *d_qkv;      /* (R, 3C) */
    float *attention;  /* TreeAttention's */
} BlockScratch;

/* Places the cache of one block in memory, except for x, which is the caller's. Returns how many floats it
 * takes; with memory NULL it only counts them. */
size_t block_cache_place(BlockCache *cache, const TextWeights *w, const TokenTree *tree,
                         const Segment *segment, bool last, float *memory);
void block_scratch_alloc(BlockScratch *scratch, const TextWeights *w, const TokenTree *tree, int n_threads,
                         int max_rows, bool backward, Arena *arena);

/* Everything a block works on. */
typedef struct {
    const TextWeights *w;
    const TokenTree *tree;
    Pool *pool;
    BlockScratch *scratch;
} BlockContext;

/* The late additions of one block to d_shared_kv, after a backward pass that kept them. */
void block_add_late(const BlockContext *context, int layer, const Segment *segment, const BlockCache *cache,
                    float *d_shared_kv);

/* y (Q, C) from cache->x; fills in the rest of the cache. Without y it only fills the cache, which saves a
 * third of the operations. Keys and values of shared rows are written to shared_kv (n_shared, 2C); those of
 * other shared nodes are read from it. With no leaves in the last block, y is untouched. y may be cache->x if
 * no backward pass follows. */
void block_forward(const BlockContext *context, int layer, const Segment *segment, BlockCache *cache,
                   float *y, float *shared_kv);

/* d_x (R, C) from d_y (Q, C); d_x may be d_y except in the last block. d_shared_kv (n_shared - n_frozen, 2C)
 * collects gradients at the keys and values of trunk nodes: this block adds those of other segments' nodes
 * and, for its own trunk rows, starts from what their descendants left there. */
void block_backward(const BlockContext *context, int layer, const Segment *segment, const BlockCache *cache,
                    float *d_x, const float *d_y, const float *shared_kv, float *d_shared_kv);

#endif
