/* transformer_block.h: one block of either tower, forward and backward, with the gradients of its weights.
 *
 *     x2 = x + ls_1 out_proj(attention(in_proj(ln_1(x))))    y = x2 + ls_2 c_proj(act(c_fc(ln_2(x2))))
 *
 * with gains ls_1 and ls_2 in some models. In the last block only the rows that become features (class
 * tokens, EOS) need queries, projection and MLP, and y holds these rows alone.
 */
#ifndef CLIP_TRAIN_TRANSFORMER_BLOCK_H
#define CLIP_TRAIN_TRANSFORMER_BLOCK_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/config_types.h"
#include "clip/math/precision.h"
#include "clip/text/token_tree.h"
#include "clip/train/parameters.h"
#include "clip/train/qkv_additions.h"

#include <stdbool.h>

typedef struct {
    Parameter *ln_1_w, *ln_1_b;         /* (C) */
    Parameter *in_proj_w, *in_proj_b;   /* (3C, C), (3C): rows q, k, v */
    Parameter *out_proj_w, *out_proj_b; /* (C, C), (C) */
    Parameter *ln_2_w, *ln_2_b;         /* (C) */
    Parameter *c_fc_w, *c_fc_b;         /* (F, C), (F) */
    Parameter *c_proj_w, *c_proj_b;     /* (C, F), (C) */
    Parameter *ls_1, *ls_2;             /* (C); NULL: no gains */
} BlockParameters;

/* Finds those of block `layer` under "transformer.resblocks." behind a prefix ("", "visual."). */
int block_parameters_find(BlockParameters *block, const Parameters *parameters, const char *prefix, int layer,
                          Error *err);
bool block_parameters_trained(const BlockParameters *block); /* any of them */

/* The rows that a block works on, and who looks at whom. */
typedef struct {
    int n;                 /* R */
    const TokenTree *tree; /* rows are its nodes, which look at their ancestors; NULL: */
    int n_tokens;       /* images of so many rows each, which look at each other; the first has the query */
    const int *queries; /* (n_queries) the rows that the last block is for, ascending */
    int n_queries;
} BlockRows;

/* What the backward pass of one block needs. Q = R rows, or n_queries in the last block. */
typedef struct {
    float *x;               /* (R, C) the input; not placed by transformer_block_place */
    float *mean_1, *rstd_1; /* (R) */
    float *q, *kv;          /* (Q, C) and (R, 2C); interleaved as (R, 3C) except in the last block */
    int q_stride, kv_stride;
    float *probs;               /* of the attention */
    float *att;                 /* (Q, C) what it gives */
    float *branch_1, *branch_2; /* (Q, C) what ls_1 and ls_2 multiply, where they are */
    float *x2;                  /* (Q, C) */
    float *mean_2, *rstd_2;     /* (Q) */
    float *fc;                  /* (Q, F) before the activation */
} BlockActivations;

/* Buffers for the duration of a call, of rows as long as the `wide` that they were placed for. */
typedef struct {
    float *h;            /* (R, C) */
    float *wide;         /* (R, wide) */
    float *d_att, *d_x2; /* (R, C); these and the rest for a backward pass alone */
    float *d_h, *d_wide; /* (R, C), (R, wide) */
    float *d_probs;      /* (pool_threads, Q, T) of dense attention */
    float *paths;        /* TreeAttention's scratch, for both passes */
} BlockScratch;

/* What all blocks of a tower share. */
typedef struct {
    int width, n_heads, mlp_width; /* C, H, F */
    Activation activation;
    float norm_eps;
    Precision precision;
    const QkvAdditions *additions; /* or NULL */
    const BlockRows *rows;
    const BlockScratch *scratch;
    Pool *pool;
} BlockContext;

/* Floats of a row of the wide buffers, at least. */
int transformer_block_wide(const BlockContext *context);
/* Place the activations of one block (but for x), and the scratch of all, in memory. They return how many
 * floats that takes; with memory NULL they only count them. */
size_t transformer_block_place(BlockActivations *activations, const BlockContext *context,
                               const BlockParameters *block, bool last, float *memory);
size_t transformer_scratch_place(BlockScratch *scratch, const BlockContext *context, int wide, bool backward,
                                 float *memory);

/* y (Q, C) from a->x; fills in the rest of a. Without y it only fills a, which saves a third of the
 * operations. y may be a->x if no backward pass follows, but in the last block. */
void transformer_block_forward(const BlockContext *context, const BlockParameters *block, int layer,
                               bool last, BlockActivations *a, float *y);

/* Adds to the gradients of the block's parameters, given d_y (Q, C), and with needs_input fills in d_x
 * (R, C), which may be d_y except in the last block. */
void transformer_block_backward(const BlockContext *context, const BlockParameters *block, int layer,
                                bool last, const BlockActivations *a, float *d_x, const float *d_y,
                                bool needs_input);

/* Operations of products and attention of a block over R rows, Q of them with queries, where `pairs` of rows
 * look at each other; of the backward pass too, if it visits the block. */
double transformer_block_flops(const BlockContext *context, const BlockParameters *block, int layer, double R,
                               double Q, double pairs, bool visited, bool needs_input);

#endif
