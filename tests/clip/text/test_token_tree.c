/* test_token_tree.c: the prefix tree against what it stands for (its prompts) and its own rules, which are
 * checked here from the parents alone. */
#include "clip/text/token_tree.h"

#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tree_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* --- what every tree must be --- */

static void check_nodes(const TokenTree *tree) {
    int max_depth = 0;
    for (int i = 0; i < tree->n_nodes; i++) {
        int parent = tree->parent[i];
        const int *path = tree->path + tree->path_start[i];
        assert_true(parent >= -1 && parent < i); /* parents first */
        assert_int_equal(tree->depth[i], parent < 0 ? 0 : tree->depth[parent] + 1);
        assert_int_equal(tree->path_start[i + 1] - tree->path_start[i], tree->depth[i] + 1);
        assert_int_equal(path[tree->depth[i]], i);
        if (parent >= 0)
            assert_memory_equal(path, tree->path + tree->path_start[parent],
                                (size_t)tree->depth[i] * sizeof *path);
        max_depth = tree->depth[i] > max_depth ? tree->depth[i] : max_depth;
    }
    assert_int_equal(tree->path_start[0], 0);
    assert_int_equal(tree->max_depth, max_depth);
}

/* The path to a prompt's leaf spells the prompt. */
static void check_prompts(const TokenTree *tree, const PromptSet *prompts) {
    assert_int_equal(tree->n_prompts, prompts->n);
    for (int i = 0; i < prompts->n; i++) {
        int leaf = tree->leaf[i];
        assert_in_range(leaf, 0, tree->n_nodes - 1);
        assert_int_equal(tree->depth[leaf] + 1, prompts->lengths[i]);
        for (int j = 0; j < prompts->lengths[i]; j++)
            assert_int_equal(tree->symbol[tree->path[tree->path_start[leaf] + (size_t)j]],
                             prompts->symbols[i][j]);
    }
}

typedef struct {
    const int *symbols;
    int length;
} Row;

static int compare_prompts(const void *a, const void *b) {
    const Row *x = a, *y = b;
    for (int j = 0; j < x->length && j < y->length; j++)
        if (x->symbols[j] != y->symbols[j])
            return x->symbols[j] < y->symbols[j] ? -1 : 1;
    return (x->length > y->length) - (x->length < y->length);
}

/* Distinct prefixes, counted without a tree: of sorted prompts each adds what it does not share with the one
 * before. */
static int count_prefixes(const PromptSet *prompts) {
    Row *sorted = calloc((size_t)prompts->n + 1, sizeof *sorted);
    int count = 0;
    for (int i = 0; i < prompts->n; i++)
        sorted[i] = (Row){prompts->symbols[i], prompts->lengths[i]};
    qsort(sorted, (size_t)prompts->n, sizeof *sorted, compare_prompts);
    for (int i = 0; i < prompts->n; i++) {
        int shared = 0;
        while (i > 0 && shared < sorted[i].length && shared < sorted[i - 1].length &&
               sorted[i].symbols[shared] == sorted[i - 1].symbols[shared])
            shared++;
        count += sorted[i].length - shared;
    }
    free(sorted);
    return count;
}

/* Frozen: no context on the path, if there is one in the tree at all. Trunk: the rest whose subtree is larger
 * than a segment. */
static void check_parts(const TokenTree *tree) {
    int N = tree->n_nodes;
    int *size = calloc((size_t)N + 1, sizeof *size);
    bool *trainable = calloc((size_t)N + 1, sizeof *trainable), any = false;
    for (int i = 0; i < N; i++) {
        trainable[i] =
            SYMBOL_IS_CONTEXT(tree->symbol[i]) || (tree->parent[i] >= 0 && trainable[tree->parent[i]]);
        any |= trainable[i];
    }
    for (int i = N - 1; i >= 0; i--) {
        size[i]++;
        if (tree->parent[i] >= 0)
            size[tree->parent[i]] += size[i];
    }
    for (int i = 0; i < N; i++) {
        bool frozen = any && !trainable[i], trunk = !frozen && size[i] > TREE_SEGMENT_ROWS;
        assert_int_equal(i < tree->n_frozen, frozen);
        assert_int_equal(i >= tree->n_frozen && i < tree->n_shared, trunk);
    }
    free(size);
    free(trainable);
}

static void check_segments(const TokenTree *tree) {
    const int *segment = tree->segment;
    assert_int_equal(segment[0], 0);
    assert_int_equal(segment[tree->n_segments], tree->n_nodes);
    assert_int_equal(segment[tree->n_frozen_segments], tree->n_frozen);
    assert_int_equal(segment[tree->n_shared_segments], tree->n_shared);
    for (int s = 0; s < tree->n_segments; s++) {
        assert_in_range(segment[s + 1] - segment[s], 1, TREE_SEGMENT_ROWS);
        if (s < tree->n_shared_segments)
            continue;
        for (int i = segment[s]; i < segment[s + 1]; i++) /* whole subtrees: no parent in another segment */
            assert_true(tree->parent[i] < tree->n_shared || tree->parent[i] >= segment[s]);
    }
    /* Few of them: two neighbours never fit into one, save for what equal sizes cost at the end. */
    int own = tree->n_nodes - tree->n_shared;
    assert_true(tree->n_segments - tree->n_shared_segments <= 2 * own / TREE_SEGMENT_ROWS + 1);
}

/* Each leaf once, in order, and each prompt finds its own. */
static void check_leaves(const TokenTree *tree) {
    Arena *arena = arena_create();
    int *nodes = ARENA_NEW(arena, int, tree->n_prompts), *of_prompt = ARENA_NEW(arena, int, tree->n_prompts);
    const int n = token_tree_leaves(tree, nodes, of_prompt);
    bool *used = ARENA_NEW(arena, bool, n);
    for (int i = 0; i < tree->n_prompts; i++) {
        assert_in_range(of_prompt[i], 0, n - 1);
        assert_int_equal(nodes[of_prompt[i]], tree->leaf[i]);
        used[of_prompt[i]] = true;
    }
    for (int i = 0; i < n; i++)
        assert_true(used[i] && (i == 0 || nodes[i - 1] < nodes[i]));
    arena_free(arena);
}

static void check_tree(const TokenTree *tree, const PromptSet *prompts) {
    check_nodes(tree);
    check_prompts(tree, prompts);
    assert_int_equal(tree->n_nodes, count_prefixes(prompts));
    check_parts(tree);
    check_segments(tree);
    check_leaves(tree);
}

/* --- trees by hand --- */

enum { SOS = 100, EOS = 101, DOT = 9, CAT = 1, DOG = 2, GOLDEN = 3, EAGLE = 4, RETRIEVER = 5 };
#define V(i) SYMBOL_CONTEXT((i)-1)
#define PROMPT(...) ((const int[]){__VA_ARGS__}), (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int))

typedef struct {
    Arena *arena;
    TokenTree tree;
    PromptSet prompts;
} Hand;

static Hand build_by_hand(const Row *rows, int n) {
    Hand hand = {.arena = arena_create()};
    hand.prompts = (PromptSet){
        .symbols = ARENA_NEW(hand.arena, const int *, n), .lengths = ARENA_NEW(hand.arena, int, n), .n = n};
    for (int i = 0; i < n; i++) {
        hand.prompts.symbols[i] = rows[i].symbols;
        hand.prompts.lengths[i] = rows[i].length;
    }
    prompts_tree(&hand.tree, &hand.prompts, hand.arena);
    check_tree(&hand.tree, &hand.prompts);
    return hand;
}

/* The picture of the header: 9 nodes. */
static void test_picture(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, V(1), V(2), CAT, DOT, EOS)}, {PROMPT(SOS, V(1), V(2), DOG, DOT, EOS)}};
    Hand h = build_by_hand(rows, 2);
    assert_int_equal(h.tree.n_nodes, 9);
    assert_int_equal(h.tree.max_depth, 5);
    assert_int_equal(h.tree.n_frozen, 1); /* SOS */
    assert_int_equal(h.tree.n_shared, 1);
    assert_int_equal(h.tree.n_segments, 2);
    assert_int_equal(h.tree.symbol[0], SOS);
    assert_int_not_equal(h.tree.leaf[0], h.tree.leaf[1]);
    arena_free(h.arena);
}

static void test_shared_names(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, V(1), GOLDEN, RETRIEVER, DOT, EOS)},
                        {PROMPT(SOS, V(1), GOLDEN, EAGLE, DOT, EOS)}};
    Hand h = build_by_hand(rows, 2);
    assert_int_equal(h.tree.n_nodes, 9);
    arena_free(h.arena);
}

/* front: SOS and the names are frozen; contexts and what follows belong to each class. */
static void test_front(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, CAT, V(1), V(2), DOT, EOS)}, {PROMPT(SOS, DOG, V(1), V(2), DOT, EOS)}};
    Hand h = build_by_hand(rows, 2);
    assert_int_equal(h.tree.n_nodes, 11);
    assert_int_equal(h.tree.n_frozen, 3);
    arena_free(h.arena);
}

/* Class-specific contexts share SOS alone. */
static void test_class_specific(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, V(1), V(2), CAT, DOT, EOS)}, {PROMPT(SOS, V(3), V(4), CAT, DOT, EOS)}};
    Hand h = build_by_hand(rows, 2);
    assert_int_equal(h.tree.n_nodes, 11);
    assert_int_equal(h.tree.n_frozen, 1);
    arena_free(h.arena);
}

static void test_without_contexts(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, CAT, EOS)}, {PROMPT(SOS, DOG, EOS)}};
    Hand h = build_by_hand(rows, 2);
    assert_int_equal(h.tree.n_nodes, 5);
    assert_int_equal(h.tree.n_frozen, 0);
    assert_int_equal(h.tree.n_shared, 0);
    assert_int_equal(h.tree.n_segments, 1);
    arena_free(h.arena);
}

/* Equal prompts share a leaf; a prompt that begins another ends at an inner node; a context symbol and a
 * token of the same absolute value differ; two roots. */
static void test_duplicates_and_prefixes(void **state) {
    (void)state;
    const Row rows[] = {{PROMPT(SOS, CAT, EOS)}, {PROMPT(SOS, CAT)}, {PROMPT(SOS, CAT, EOS)},
                        {PROMPT(SOS, V(1))},     {PROMPT(SOS, 0)},   {PROMPT(DOG)}};
    Hand h = build_by_hand(rows, 6);
    assert_int_equal(h.tree.n_nodes, 6);
    assert_int_equal(h.tree.leaf[0], h.tree.leaf[2]);
    assert_int_equal(h.tree.parent[h.tree.leaf[0]], h.tree.leaf[1]);
    assert_int_not_equal(h.tree.leaf[3], h.tree.leaf[4]);
    assert_int_equal(h.tree.parent[h.tree.leaf[5]], -1);
    assert_int_equal(h.tree.n_frozen, 5);
    arena_free(h.arena);
}

static void test_apart(void **state) {
    (void)state;
    const int cat[] = {SOS, CAT, EOS}, dog[] = {SOS, DOG, EOS};
    const int *const prompts[] = {cat, dog, cat};
    Arena *arena = arena_create();
    TokenTree tree;
    assert_int_equal(token_tree_build_apart(&tree, prompts, (int[]){3, 3, 3}, 3, arena, NULL), 0);
    check_nodes(&tree);
    assert_int_equal(tree.n_nodes, 9);
    for (int i = 0; i < 9; i++)
        assert_int_equal(tree.symbol[i], prompts[i / 3][i % 3]);
    assert_int_equal(tree.leaf[2], 8);
    arena_free(arena);
}

static void test_no_prompts(void **state) {
    (void)state;
    Hand h = build_by_hand(NULL, 0);
    assert_int_equal(h.tree.n_nodes, 0);
    assert_int_equal(h.tree.n_segments, 0);
    arena_free(h.arena);
}

static void test_symbols(void **state) {
    (void)state;
    for (int row = 0; row < 5; row++) {
        assert_true(SYMBOL_IS_CONTEXT(SYMBOL_CONTEXT(row)));
        assert_int_equal(SYMBOL_ROW(SYMBOL_CONTEXT(row)), row);
    }
    assert_false(SYMBOL_IS_CONTEXT(0));
}

/* --- trees at random --- */

static void test_random(void **state) {
    (void)state;
    const int sizes[] = {1, 2, 7, 50, 150, 400, 1500};
    for (PromptKind kind = 0; kind < PROMPTS_KINDS; kind++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
            Arena *arena = arena_create();
            PromptSet prompts = prompts_random(kind, sizes[s], (uint32_t)s, arena);
            TokenTree tree, again;
            prompts_tree(&tree, &prompts, arena);
            check_tree(&tree, &prompts);
            prompts_tree(&again, &prompts, arena);
            assert_int_equal(tree.n_segments, again.n_segments);
            assert_memory_equal(tree.parent, again.parent, (size_t)tree.n_nodes * sizeof(int));
            assert_memory_equal(tree.symbol, again.symbol, (size_t)tree.n_nodes * sizeof(int));
            assert_memory_equal(tree.segment, again.segment, ((size_t)tree.n_segments + 1) * sizeof(int));
            if (sizes[s] == 1500 && kind != PROMPTS_FRONT) /* all kinds of parts did occur */
                assert_true(tree.n_segments - tree.n_shared_segments > 2);
            if (sizes[s] == 1500 && (kind == PROMPTS_END || kind == PROMPTS_MIDDLE || kind == PROMPTS_TEXTS))
                assert_true(tree.n_shared > tree.n_frozen);
            arena_free(arena);
        }
}

/* A chain with one branch of every size around that of a segment: the edge between trunk and segment. */
static void test_segment_edge(void **state) {
    (void)state;
    for (int rows = TREE_SEGMENT_ROWS - 1; rows <= TREE_SEGMENT_ROWS + 1; rows++) {
        Arena *arena = arena_create();
        int *symbols = ARENA_NEW(arena, int, rows);
        for (int i = 0; i < rows; i++)
            symbols[i] = i == 0 ? SYMBOL_CONTEXT(0) : i;
        PromptSet prompts = {.symbols = (const int *[]){symbols}, .lengths = &rows, .n = 1};
        TokenTree tree;
        prompts_tree(&tree, &prompts, arena);
        check_tree(&tree, &prompts);
        assert_int_equal(tree.n_shared, rows > TREE_SEGMENT_ROWS ? rows - TREE_SEGMENT_ROWS : 0);
        arena_free(arena);
    }
}

/* Two subtrees that fill a segment to the last row, and two that are one row too many. */
static void test_full_segment(void **state) {
    (void)state;
    for (int extra = 0; extra < 2; extra++) {
        Arena *arena = arena_create();
        int *chain = ARENA_NEW(arena, int, TREE_SEGMENT_ROWS + 2), half = TREE_SEGMENT_ROWS / 2;
        for (int i = 0; i < TREE_SEGMENT_ROWS + 2; i++)
            chain[i] = i;
        PromptSet prompts = {
            .symbols = (const int *[]){chain, chain + 1}, .lengths = (int[]){half, half + extra}, .n = 2};
        TokenTree tree;
        prompts_tree(&tree, &prompts, arena);
        check_tree(&tree, &prompts);
        assert_int_equal(tree.n_segments, 1 + extra);
        arena_free(arena);
    }
}

/* The least of three: a busy machine is slow to give memory. */
static double seconds_for(PromptKind kind, int n, Arena *arena) {
    PromptSet prompts = prompts_random(kind, n, 1, arena);
    double least = 1e9;
    for (int i = 0; i < 3; i++) {
        TokenTree tree;
        clock_t start = clock();
        prompts_tree(&tree, &prompts, arena);
        double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
        assert_int_equal(tree.n_prompts, n);
        least = seconds < least ? seconds : least;
    }
    return least;
}

/* Ten times the prompts take about ten times as long; were a search hidden in it, it would be a hundred. */
static void test_linear_time(void **state) {
    (void)state;
    if (scratch_instrumented())
        skip();
    const PromptKind kinds[] = {PROMPTS_TEXTS, PROMPTS_CSC}; /* wide nodes; many nodes */
    for (int i = 0; i < 2; i++) {
        Arena *arena = arena_create();
        double few = seconds_for(kinds[i], 4000, arena), many = seconds_for(kinds[i], 40000, arena);
        if (many > 30 * few + 0.05)
            fail_msg("4,000 prompts took %.4f s, 40,000 %.4f s", few, many);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture),
        cmocka_unit_test(test_shared_names),
        cmocka_unit_test(test_front),
        cmocka_unit_test(test_class_specific),
        cmocka_unit_test(test_without_contexts),
        cmocka_unit_test(test_duplicates_and_prefixes),
        cmocka_unit_test(test_apart),
        cmocka_unit_test(test_no_prompts),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_segment_edge),
        cmocka_unit_test(test_full_segment),
        cmocka_unit_test(test_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
