/* token_tree.h: many prompts as one prefix tree.
 *
 * CLIP's text tower is causal and its feature is read at EOS: prompts that begin with the same symbols share
 * every activation of that beginning, and nothing after EOS matters. One node stands for one distinct
 * (prefix, symbol); a prompt is the path from a root to its EOS node. A symbol is a token of the vocabulary
 * or a row of a table of context vectors.
 *
 *     SOS - v1 - v2 - cat - . - EOS          prompts  "v1 v2 cat .", "v1 v2 dog ."
 *                   \ dog - . - EOS          9 nodes instead of 2 x 77 rows
 *
 * Order of the nodes, parents always before children:
 *
 *     [ frozen | trunk | segment | segment | ... ]
 *
 *   frozen   no context vector on the path: never changes during training, computed once
 *   trunk    nodes whose subtree (themselves included) is larger than a segment: their keys and values serve
 *            many segments
 *   segment  whole subtrees, at most TREE_SEGMENT_ROWS nodes together, which are computed in one go
 *
 * A tree without context vectors has no frozen part: it is encoded only once anyway. Frozen nodes and trunk
 * are cut into segments as well; together they are the "shared" nodes. All boundaries follow from the prompts
 * alone.
 */
#ifndef CLIP_TEXT_TOKEN_TREE_H
#define CLIP_TEXT_TOKEN_TREE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

#define TREE_SEGMENT_ROWS 512
#define TREE_MAX_DEPTH 1024 /* symbols of one prompt; CLIP has 77 positions */

/* A symbol of a prompt: a token id (>= 0) or a row of the context table. */
#define SYMBOL_CONTEXT(row) (-1 - (row))
#define SYMBOL_IS_CONTEXT(symbol) ((symbol) < 0)
#define SYMBOL_ROW(symbol) (-1 - (symbol))

typedef struct {
    int n_nodes;       /* N */
    const int *parent; /* (N) -1 for a root */
    const int *depth;  /* (N) 0 for a root: the position of the symbol */
    const int *symbol; /* (N) */
    int max_depth;

    /* The nodes from the root down to node i itself: path[path_start[i]], depth[i] + 1 of them. */
    const int *path;          /* (path_start[N]) */
    const size_t *path_start; /* (N + 1) */

    int n_prompts;   /* P */
    const int *leaf; /* (P) the last node of each prompt (its EOS); equal prompts share it */

    int n_frozen;       /* nodes [0, n_frozen) are frozen */
    int n_shared;       /* nodes [0, n_shared) are frozen or trunk */
    int n_segments;     /* of all kinds */
    const int *segment; /* (n_segments + 1) first node of each segment, and N */
    int n_frozen_segments, n_shared_segments;
} TokenTree;

/* Builds the tree of n prompts; prompt i is lengths[i] >= 1 symbols. The tree's arrays are owned by the
 * arena. Fails only when out of memory. */
int token_tree_build(TokenTree *tree, const int *const *prompts, const int *lengths, int n, Arena *arena,
                     Error *err);

/* The same without sharing: each prompt is a path of its own, as where noise is drawn for each. */
int token_tree_build_apart(TokenTree *tree, const int *const *prompts, const int *lengths, int n,
                           Arena *arena, Error *err);

/* Whether a node is the first of a subtree behind the shared nodes. */
bool token_tree_is_unit(const TokenTree *tree, int node);

/* Fills in paths and segments of a tree whose other fields are there. -1 when memory is out. */
int token_tree_finish(TokenTree *tree, Arena *arena);

/* The distinct leaves in ascending order, so that those of one segment are neighbours: fills in nodes (P, of
 * which it returns how many are used) and for each prompt the place of its leaf among them, of_prompt (P). */
int token_tree_leaves(const TokenTree *tree, int *nodes, int *of_prompt);

#endif
