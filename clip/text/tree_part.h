/* tree_part.h: a part of a tree, for one of several processes that share its work.
 *
 * Behind the shared nodes a tree is a row of whole subtrees ("units"), in the order of the nodes. A part has
 * some neighbours of that row, all of the trunk, and what frozen nodes these need:
 *
 *     whole   [ frozen | trunk | unit unit unit unit unit ]
 *     part 0  [ frozen | trunk | unit unit ]
 *     part 1  [ frozen | trunk | unit unit unit ]
 *
 * No unit sees another. So the rows of a unit are the same in a part as in the whole, bit for bit, wherever a
 * row of a product depends on itself alone (packed_is_supported, clip/math/packed.h); and what units leave at
 * the trunk and at contexts is summed in the same order when the parts add it one after the other.
 */
#ifndef CLIP_TEXT_TREE_PART_H
#define CLIP_TEXT_TREE_PART_H

#include "clip/text/token_tree.h"

typedef struct {
    /* Its prompts are its distinct leaves, in ascending order. A context symbol is a place in `contexts`. */
    TokenTree tree;
    int first_leaf; /* of the leaves of the whole (token_tree_leaves): the part has tree.n_prompts from there
                     */
    int n_contexts;
    const int *contexts; /* (n_contexts) rows of the whole's table of contexts, ascending */
} TreePart;

/* Into how many parts a tree can be cut: its units; 1 where a leaf is no node of a unit. */
int tree_parts(const TokenTree *tree);

/* The part `index` of `count`, which tree_parts allows: about the same number of rows each. With own_contexts
 * the part has those contexts alone that occur in it; else all n_contexts of the whole. Owned by the arena.
 */
int tree_part(TreePart *part, const TokenTree *tree, int index, int count, int n_contexts, bool own_contexts,
              Arena *arena, Error *err);

#endif
