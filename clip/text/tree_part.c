/* tree_part.c: see tree_part.h */
#include "clip/text/tree_part.h"

#include <assert.h>
#include <stdint.h>
#include <string.h>

int tree_parts(const TokenTree *tree) {
    int n = 0;
    for (int i = 0; i < tree->n_prompts; i++)
        if (tree->leaf[i] < tree->n_shared)
            return 1;
    for (int i = tree->n_shared; i < tree->n_nodes; i++)
        n += token_tree_is_unit(tree, i);
    return n > 0 ? n : 1;
}

/* The first node of part `index`: the first unit that begins at its share of the rows or later, but every
 * part has a unit. */
static int first_node(const TokenTree *tree, int index, int count) {
    const int first = tree->n_shared, rows = tree->n_nodes - first;
    int part = 0, left = tree_parts(tree);
    for (int i = first; i < tree->n_nodes; i++) {
        if (!token_tree_is_unit(tree, i))
            continue;
        const bool due = (int64_t)(i - first) * count >= (int64_t)rows * part;
        if (part < count && (due || left == count - part)) {
            if (part == index)
                return i;
            part++;
        }
        left--;
    }
    return tree->n_nodes;
}

/* place (N): the number of each node in the part, or -1. Returns how many there are. */
static int number_kept(TreePart *part, const TokenTree *tree, int first, int end, int *place) {
    int n = 0;
    memset(place, -1, (size_t)tree->n_nodes * sizeof *place);
    for (int i = tree->n_nodes - 1; i >= 0; i--)
        if ((i >= tree->n_frozen && i < tree->n_shared) || (i >= first && i < end) || place[i] == 0) {
            place[i] = 0;
            if (tree->parent[i] >= 0)
                place[tree->parent[i]] = 0;
        }
    for (int i = 0; i < tree->n_nodes; i++) {
        part->tree.n_frozen += i < tree->n_frozen && place[i] == 0;
        part->tree.n_shared += i < tree->n_shared && place[i] == 0;
        if (place[i] == 0)
            place[i] = n++;
    }
    return n;
}

/* The rows of the whole's table that occur: contexts, and where each row has gone. */
static void number_contexts(TreePart *part, const TokenTree *tree, const int *place, int *row_place,
                            int n_contexts, bool own, int *contexts) {
    for (int row = 0; row < n_contexts; row++)
        row_place[row] = !own;
    for (int i = 0; own && i < tree->n_nodes; i++)
        if (place[i] >= 0 && SYMBOL_IS_CONTEXT(tree->symbol[i]))
            row_place[SYMBOL_ROW(tree->symbol[i])] = 1;
    for (int row = 0; row < n_contexts; row++)
        if (row_place[row]) {
            contexts[part->n_contexts] = row;
            row_place[row] = part->n_contexts++;
        }
    part->contexts = contexts;
}

static int fill_nodes(TokenTree *out, const TokenTree *tree, const int *place, const int *row_place,
                      Arena *arena) {
    int *parent = ARENA_NEW(arena, int, out->n_nodes), *depth = ARENA_NEW(arena, int, out->n_nodes),
        *symbol = ARENA_NEW(arena, int, out->n_nodes);
    if (arena_failed(arena))
        return -1;
    for (int i = 0; i < tree->n_nodes; i++) {
        if (place[i] < 0)
            continue;
        const int from = tree->symbol[i];
        parent[place[i]] = tree->parent[i] < 0 ? -1 : place[tree->parent[i]];
        depth[place[i]] = tree->depth[i];
        symbol[place[i]] = SYMBOL_IS_CONTEXT(from) ? SYMBOL_CONTEXT(row_place[SYMBOL_ROW(from)]) : from;
    }
    out->parent = parent;
    out->depth = depth;
    out->symbol = symbol;
    return 0;
}

static int fill_leaves(TreePart *part, const TokenTree *tree, const int *place, int first, int end,
                       Arena *scratch, Arena *arena) {
    int *nodes = ARENA_NEW(scratch, int, tree->n_prompts),
        *of_prompt = ARENA_NEW(scratch, int, tree->n_prompts);
    int *leaf = ARENA_NEW(arena, int, tree->n_prompts);
    if (arena_failed(scratch) || !leaf)
        return -1;
    const int n = token_tree_leaves(tree, nodes, of_prompt);
    for (int i = 0; i < n; i++) {
        part->first_leaf += nodes[i] < first;
        if (nodes[i] >= first && nodes[i] < end)
            leaf[part->tree.n_prompts++] = place[nodes[i]];
    }
    part->tree.leaf = leaf;
    return 0;
}

int tree_part(TreePart *part, const TokenTree *tree, int index, int count, int n_contexts, bool own_contexts,
              Arena *arena, Error *err) {
    assert(0 <= index && index < count && count <= tree_parts(tree));
    *part = (TreePart){0};
    const int first = count == 1 ? tree->n_shared : first_node(tree, index, count);
    const int end = index + 1 == count ? tree->n_nodes : first_node(tree, index + 1, count);
    Arena *scratch = arena_create();
    int *place = ARENA_NEW(scratch, int, tree->n_nodes), *row_place = ARENA_NEW(scratch, int, n_contexts);
    int *contexts = ARENA_NEW(arena, int, n_contexts), status = -1;
    if (!arena_failed(scratch) && contexts) {
        part->tree.n_nodes = number_kept(part, tree, first, end, place);
        number_contexts(part, tree, place, row_place, n_contexts, own_contexts, contexts);
        if (fill_nodes(&part->tree, tree, place, row_place, arena) == 0 &&
            fill_leaves(part, tree, place, first, end, scratch, arena) == 0)
            status = token_tree_finish(&part->tree, arena);
    }
    arena_free(scratch);
    return status < 0 ? error_memory(err) : 0;
}
