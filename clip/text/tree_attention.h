/* tree_attention.h: causal attention in a prefix tree: a node looks at its ancestors and itself.
 *
 * The keys and values of the segment's own rows are local; those of shared nodes (frozen nodes and trunk)
 * come from a table.
 */
#ifndef CLIP_TEXT_TREE_ATTENTION_H
#define CLIP_TEXT_TREE_ATTENTION_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/text/token_tree.h"

/* What queries behind the trunk leave at the keys and values of trunk nodes, kept until the turn of this
 * process has come to add it: a sum of many floats is the same only in the same order. */
typedef struct {
    int n_trunk;    /* T: the most trunk nodes above a query */
    float *q, *d_o; /* (Q, C) */
    float *weights; /* (Q, H, 2, T): of q at the keys of these nodes, of d_o at their values */
} LateKeys;

/* Rows [first, first + n_rows) of the tree at one layer. A key row is followed by its value row: v = k + C.
 */
typedef struct {
    const TokenTree *tree;
    int first, n_rows;  /* R: the nodes whose keys and values are local */
    const int *query;   /* (n_query) the nodes that have queries; NULL: all R rows in order */
    int n_query;        /* Q */
    int n_heads, width; /* H, C */
    const float *q;     /* (Q, q_stride), C of each row used */
    int q_stride;
    const float *kv; /* (R, kv_stride), 2C of each row used */
    int kv_stride;
    const float *shared_kv; /* (n_shared, 2C) */
    float *probs;   /* for each query of depth d: (H, d + 1), at H (path_start[node] - path_start[first]) */
    LateKeys *late; /* NULL: the backward pass adds to the trunk at once */
    float *scratch; /* (tree_attention_scratch_size) */
} TreeAttention;

/* Floats that both passes need as scratch, with so many threads in the pool. */
size_t tree_attention_scratch_size(const TokenTree *tree, int n_heads, int width, int n_threads);

/* out (Q, C) = softmax(q k^T / sqrt(D)) v over the ancestors of each query; probs is written. */
void tree_attention_forward(Pool *pool, float *out, const TreeAttention *attention);

/* Given d_out (Q, C) and the probs of the forward pass:
 *   d_q (Q, q_stride)      overwritten
 *   d_kv (R, kv_stride)    overwritten; for trunk nodes it starts from their rows of d_shared_kv
 *   d_shared_kv (n_shared - n_frozen, 2C)
 *                          accumulated, for trunk nodes of other segments; frozen nodes need no gradient.
 *                          May be NULL when there is no trunk. */
void tree_attention_backward(Pool *pool, float *d_q, float *d_kv, float *d_shared_kv, const float *d_out,
                             const TreeAttention *attention);

/* Arrays of the arena for n_query queries of a segment behind the trunk; arena_failed tells. Returns how many
 * floats they are; with late NULL it only counts them. */
size_t late_keys_alloc(LateKeys *late, const TokenTree *tree, int first, int n_rows, int n_query, int n_heads,
                       int width, Arena *arena);

/* Adds to d_shared_kv what the backward pass has kept in attention->late, of which tree, first, query,
 * n_query, n_heads and width are used here: the bits are those of the backward pass that adds at once. */
void tree_attention_add_late(Pool *pool, float *d_shared_kv, const TreeAttention *attention);

#endif
