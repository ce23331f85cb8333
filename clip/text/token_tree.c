/* token_tree.c: insert prompts into a trie, then number its nodes so that every part is contiguous. */
#include "clip/text/token_tree.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The trie while it grows; nodes are numbered as they appear, parents before children. */
typedef struct {
    int n;
    int *parent, *symbol, *depth; /* (capacity) */
    bool *trainable;              /* (capacity) a context vector at or above the node */
    int *slots;                   /* hash table of node + 1 keyed by (parent, symbol); 0 is empty */
    size_t mask;
} Trie;

static int trie_add(Trie *trie, int parent, int symbol) {
    const int node = trie->n++;
    trie->parent[node] = parent;
    trie->symbol[node] = symbol;
    trie->depth[node] = parent < 0 ? 0 : trie->depth[parent] + 1;
    trie->trainable[node] = SYMBOL_IS_CONTEXT(symbol) || (parent >= 0 && trie->trainable[parent]);
    return node;
}

static int trie_child(Trie *trie, int parent, int symbol) {
    uint64_t hash = ((uint64_t)(uint32_t)parent << 32 | (uint32_t)symbol) * 0x9E3779B97F4A7C15u;
    size_t slot = (size_t)(hash >> 20) & trie->mask;
    for (; trie->slots[slot]; slot = (slot + 1) & trie->mask) {
        int node = trie->slots[slot] - 1;
        if (trie->parent[node] == parent && trie->symbol[node] == symbol)
            return node;
    }
    const int node = trie_add(trie, parent, symbol);
    trie->slots[slot] = node + 1;
    return node;
}

static int trie_fill(Trie *trie, int *leaf, const int *const *prompts, const int *lengths, int n, bool apart,
                     Arena *arena) {
    size_t capacity = 0, table = 64;
    for (int i = 0; i < n; i++)
        capacity += (size_t)lengths[i];
    while (table < 2 * capacity)
        table *= 2;
    trie->parent = ARENA_NEW(arena, int, capacity);
    trie->symbol = ARENA_NEW(arena, int, capacity);
    trie->depth = ARENA_NEW(arena, int, capacity);
    trie->trainable = ARENA_NEW(arena, bool, capacity);
    trie->slots = ARENA_NEW(arena, int, table);
    trie->mask = table - 1;
    if (arena_failed(arena) || capacity > INT32_MAX)
        return -1;
    for (int i = 0; i < n; i++) {
        assert(lengths[i] >= 1);
        int node = -1;
        for (int j = 0; j < lengths[i]; j++)
            node = (apart ? trie_add : trie_child)(trie, node, prompts[i][j]);
        leaf[i] = node;
    }
    return 0;
}

/* Depth-first order of the trie, children in order of appearance: order (n), and size (n), the nodes of each
 * subtree. */
static int depth_first(const Trie *trie, int *order, int *size, Arena *arena) {
    int *next = ARENA_NEW(arena, int, trie->n); /* next sibling */
    int *child = ARENA_NEW(arena, int, trie->n + 1);
    if (arena_failed(arena))
        return -1;
    int *roots = child + trie->n;
    memset(child, -1, ((size_t)trie->n + 1) * sizeof *child);
    for (int i = trie->n - 1; i >= 0; i--) { /* backwards, so that lists come out in order of appearance */
        int *head = trie->parent[i] < 0 ? roots : &child[trie->parent[i]];
        next[i] = *head;
        *head = i;
        size[i] += 1;
        if (trie->parent[i] >= 0)
            size[trie->parent[i]] += size[i];
    }
    int count = 0;
    for (int i = *roots; i >= 0;) {
        order[count++] = i;
        int step = child[i];
        while (step < 0 && i >= 0) { /* no child: on to the next sibling of the nearest ancestor with one */
            step = next[i];
            i = trie->parent[i];
        }
        i = step;
    }
    assert(count == trie->n);
    return 0;
}

typedef enum { PART_FROZEN, PART_TRUNK, PART_SEGMENT } Part;

static Part part_of(const Trie *trie, const int *size, int node, bool any_trainable) {
    if (any_trainable && !trie->trainable[node])
        return PART_FROZEN;
    return size[node] > TREE_SEGMENT_ROWS ? PART_TRUNK : PART_SEGMENT;
}

/* Cuts [first, end) into equal segments of at most TREE_SEGMENT_ROWS; any cut is fine, for ancestors come
 * first. */
static int cut_shared(int *segment, int n_segments, int first, int end) {
    int rows = end - first, pieces = (rows + TREE_SEGMENT_ROWS - 1) / TREE_SEGMENT_ROWS;
    for (int i = 0; i < pieces; i++)
        segment[n_segments++] = first + (int)((int64_t)rows * i / pieces);
    return n_segments;
}

bool token_tree_is_unit(const TokenTree *tree, int node) {
    return node >= tree->n_shared && tree->parent[node] < tree->n_shared;
}

/* Packs whole subtrees into segments of nearly equal size. */
static int cut_units(int *segment, int n_segments, const TokenTree *tree) {
    const int first = tree->n_shared, end = tree->n_nodes;
    int rows = end - first, pieces = (rows + TREE_SEGMENT_ROWS - 1) / TREE_SEGMENT_ROWS;
    int target = pieces ? (rows + pieces - 1) / pieces : 0;
    int start = first;
    for (int i = first; i < end;) {
        int unit_end = i + 1;
        while (unit_end < end && !token_tree_is_unit(tree, unit_end))
            unit_end++;
        bool overflows = unit_end - start > TREE_SEGMENT_ROWS;
        bool full = i - start >= target;
        if (i > start && (overflows || full)) {
            segment[n_segments++] = start;
            start = i;
        }
        i = unit_end;
    }
    if (end > start)
        segment[n_segments++] = start;
    return n_segments;
}

/* Numbers the nodes part by part; fills renumber (n), old to new, and the boundaries in tree. */
static int number_nodes(TokenTree *tree, const Trie *trie, int *renumber, Arena *arena) {
    int *order = ARENA_NEW(arena, int, trie->n), *size = ARENA_NEW(arena, int, trie->n);
    if (arena_failed(arena) || depth_first(trie, order, size, arena) < 0)
        return -1;
    bool any_trainable = false;
    for (int i = 0; i < trie->n; i++)
        any_trainable |= trie->trainable[i];
    int count = 0, end_of[3];
    for (Part part = PART_FROZEN; part <= PART_SEGMENT; part++) {
        for (int i = 0; i < trie->n; i++) {
            int node = order[i];
            if (part_of(trie, size, node, any_trainable) == part)
                renumber[node] = count++;
        }
        end_of[part] = count;
    }
    tree->n_frozen = end_of[PART_FROZEN];
    tree->n_shared = end_of[PART_TRUNK];
    return 0;
}

static int fill_tree(TokenTree *tree, const Trie *trie, const int *renumber, const int *leaf, Arena *arena) {
    int n = trie->n, n_prompts = tree->n_prompts;
    int *parent = ARENA_NEW(arena, int, n), *depth = ARENA_NEW(arena, int, n),
        *symbol = ARENA_NEW(arena, int, n);
    int *new_leaf = ARENA_NEW(arena, int, n_prompts);
    if (arena_failed(arena))
        return -1;
    for (int i = 0; i < n; i++) {
        int node = renumber[i];
        parent[node] = trie->parent[i] < 0 ? -1 : renumber[trie->parent[i]];
        depth[node] = trie->depth[i];
        symbol[node] = trie->symbol[i];
    }
    for (int i = 0; i < n_prompts; i++)
        new_leaf[i] = renumber[leaf[i]];
    tree->n_nodes = n;
    tree->parent = parent;
    tree->depth = depth;
    tree->symbol = symbol;
    tree->leaf = new_leaf;
    return 0;
}

/* The parent's path, then the node. */
static int fill_paths(TokenTree *tree, Arena *arena) {
    const int n = tree->n_nodes, *depth = tree->depth;
    size_t *path_start = ARENA_NEW(arena, size_t, n + 1);
    if (!path_start)
        return -1;
    for (int i = 0; i < n; i++)
        path_start[i + 1] = path_start[i] + (size_t)depth[i] + 1;
    int *path = ARENA_NEW(arena, int, path_start[n]);
    if (!path)
        return -1;
    tree->max_depth = 0;
    for (int i = 0; i < n; i++) {
        int *own = path + path_start[i];
        if (tree->parent[i] >= 0)
            memcpy(own, path + path_start[tree->parent[i]], (size_t)depth[i] * sizeof *own);
        own[depth[i]] = i;
        tree->max_depth = depth[i] > tree->max_depth ? depth[i] : tree->max_depth;
    }
    tree->path = path;
    tree->path_start = path_start;
    return 0;
}

int token_tree_finish(TokenTree *tree, Arena *arena) {
    int *segment = ARENA_NEW(arena, int, tree->n_nodes + 1);
    if (!segment || fill_paths(tree, arena) < 0)
        return -1;
    tree->n_frozen_segments = cut_shared(segment, 0, 0, tree->n_frozen);
    tree->n_shared_segments = cut_shared(segment, tree->n_frozen_segments, tree->n_frozen, tree->n_shared);
    tree->n_segments = cut_units(segment, tree->n_shared_segments, tree);
    segment[tree->n_segments] = tree->n_nodes;
    tree->segment = segment;
    return 0;
}

static int build(TokenTree *tree, const int *const *prompts, const int *lengths, int n, bool apart,
                 Arena *arena, Error *err) {
    *tree = (TokenTree){.n_prompts = n};
    int result = -1;
    Arena *scratch = arena_create();
    if (!scratch)
        return error_memory(err);
    Trie trie = {0};
    int *leaf = ARENA_NEW(scratch, int, n);
    if (arena_failed(scratch) || trie_fill(&trie, leaf, prompts, lengths, n, apart, scratch) < 0)
        goto out;
    int *renumber = ARENA_NEW(scratch, int, trie.n);
    if (arena_failed(scratch))
        goto out;
    if (number_nodes(tree, &trie, renumber, scratch) < 0 ||
        fill_tree(tree, &trie, renumber, leaf, arena) < 0 || token_tree_finish(tree, arena) < 0)
        goto out;
    result = 0;
out:
    arena_free(scratch);
    return result < 0 ? error_memory(err) : 0;
}

int token_tree_build(TokenTree *tree, const int *const *prompts, const int *lengths, int n, Arena *arena,
                     Error *err) {
    return build(tree, prompts, lengths, n, false, arena, err);
}

int token_tree_build_apart(TokenTree *tree, const int *const *prompts, const int *lengths, int n,
                           Arena *arena, Error *err) {
    return build(tree, prompts, lengths, n, true, arena, err);
}

static int compare_ints(const void *a, const void *b) {
    int x = *(const int *)a, y = *(const int *)b;
    return (x > y) - (x < y);
}

int token_tree_leaves(const TokenTree *tree, int *nodes, int *of_prompt) {
    const size_t P = (size_t)tree->n_prompts;
    int n = 0;
    memcpy(nodes, tree->leaf, P * sizeof *nodes);
    qsort(nodes, P, sizeof *nodes, compare_ints);
    for (int i = 0; i < tree->n_prompts; i++)
        if (i == 0 || nodes[i] != nodes[n - 1])
            nodes[n++] = nodes[i];
    for (int i = 0; i < tree->n_prompts; i++) {
        int *found = bsearch(&tree->leaf[i], nodes, (size_t)n, sizeof *nodes, compare_ints);
        of_prompt[i] = (int)(found - nodes);
    }
    return n;
}
