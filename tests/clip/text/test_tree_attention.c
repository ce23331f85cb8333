/* test_tree_attention.c: attention in a prefix tree, segment by segment, against the formula in double over
 * each node's path, and its gradients against central differences of that formula. Rows that a segment may
 * not read are NaN. */
#include "clip/text/tree_attention.h"

#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tree_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define MOST_THREADS 5
#define MOST_COLUMNS 70 /* a block of a head and some more */
#define TOLERANCE_FORWARD 1e-6
#define TOLERANCE_DIFFERENCES 1e-5

/* A tree with queries, keys and values at every node. */
typedef struct {
    Arena *arena;
    TokenTree tree;
    int H, C;
    float *q, *kv;      /* (N, C), (N, 2C) */
    float *d_out;       /* (N, C); in a test of leaves, zero elsewhere */
    bool leaves_only;   /* as in the last block: EOS nodes alone ask */
    float *out, *probs; /* (N, C), one after the other */
    float *d_q, *d_kv;  /* (N, C), (N, 2C) */
} Case;

static bool *mark_leaves(const TokenTree *tree, Arena *arena) {
    bool *is_leaf = ARENA_NEW(arena, bool, tree->n_nodes);
    for (int i = 0; i < tree->n_prompts; i++)
        is_leaf[tree->leaf[i]] = true;
    return is_leaf;
}

static Case make_case(const PromptSet *prompts, int H, int C, bool leaves_only, Arena *arena) {
    Case c = {.arena = arena, .H = H, .C = C, .leaves_only = leaves_only};
    prompts_tree(&c.tree, prompts, arena);
    size_t N = (size_t)c.tree.n_nodes, width = (size_t)C;
    c.q = arena_floats(arena, N, width);
    c.kv = arena_floats(arena, N, 2 * width);
    c.d_out = arena_floats(arena, N, width);
    c.out = arena_floats(arena, N, width);
    c.probs = arena_floats(arena, c.tree.path_start[N], (size_t)H);
    c.d_q = arena_floats(arena, N, width);
    c.d_kv = arena_floats(arena, N, 2 * width);
    fill_normal(c.q, N * width, 1.5, 1);
    fill_normal(c.kv, N * 2 * width, 1, 2);
    fill_normal(c.d_out, N * width, 1, 3);
    bool *is_leaf = mark_leaves(&c.tree, arena);
    for (size_t i = 0; leaves_only && i < N; i++)
        if (!is_leaf[i])
            memset(c.d_out + i * width, 0, width * sizeof *c.d_out);
    return c;
}

/* --- the formula --- */

/* out (C) of one node from q (N, C) and kv (N, 2C) */
static void node_formula(double *out, const Case *c, const double *q, const double *kv, int node) {
    int n = c->tree.depth[node] + 1, D = c->C / c->H;
    const int *path = c->tree.path + c->tree.path_start[node];
    for (int h = 0; h < c->H; h++) {
        double p[TREE_MAX_DEPTH], max = -INFINITY, sum = 0;
        for (int j = 0; j < n; j++) {
            p[j] = 0;
            for (int d = h * D; d < (h + 1) * D; d++)
                p[j] += q[(size_t)node * c->C + d] * kv[(size_t)path[j] * 2 * c->C + d] / sqrt(D);
            max = fmax(max, p[j]);
        }
        for (int j = 0; j < n; j++)
            sum += p[j] = exp(p[j] - max);
        for (int d = h * D; d < (h + 1) * D; d++) {
            out[d] = 0;
            for (int j = 0; j < n; j++)
                out[d] += p[j] / sum * kv[((size_t)path[j] * 2 + 1) * c->C + d];
        }
    }
}

static bool passes(const TokenTree *tree, int node, int ancestor) {
    int depth = tree->depth[ancestor];
    return tree->depth[node] >= depth && tree->path[tree->path_start[node] + (size_t)depth] == ancestor;
}

/* Sum of d_out . out over all that looks at `node`. */
static double objective(const Case *c, const double *q, const double *kv, int node) {
    double sum = 0, out[MOST_COLUMNS];
    for (int i = node; i < c->tree.n_nodes; i++) {
        if (!passes(&c->tree, i, node))
            continue;
        node_formula(out, c, q, kv, i);
        for (int d = 0; d < c->C; d++)
            sum += (double)c->d_out[(size_t)i * c->C + d] * out[d];
    }
    return sum;
}

/* --- the kernels, over the whole tree --- */

static float *copy_rows(float *out, int stride, const float *in, int rows, int columns) {
    for (int i = 0; i < rows; i++)
        memcpy(out + (size_t)i * stride, in + (size_t)i * columns, (size_t)columns * sizeof *out);
    return out;
}

static void fill_nan(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = NAN;
}

/* What a segment works with: rows of its own, copied out, as (R, 3C) or, for leaves, (Q, C) and (R, 2C). */
static TreeAttention segment_attention(const Case *c, int segment, const float *shared_kv,
                                       const bool *is_leaf) {
    int first = c->tree.segment[segment], R = c->tree.segment[segment + 1] - first, C = c->C;
    TreeAttention a = {.tree = &c->tree,
                       .first = first,
                       .n_rows = R,
                       .n_query = R,
                       .n_heads = c->H,
                       .width = C,
                       .shared_kv = shared_kv};
    const size_t scratch = tree_attention_scratch_size(&c->tree, c->H, C, MOST_THREADS);
    a.scratch = arena_floats(c->arena, scratch, 1);
    fill_nan(a.scratch, scratch);
    a.probs = c->probs + (size_t)c->H * c->tree.path_start[first];
    a.kv_stride = c->leaves_only ? 2 * C : 3 * C;
    a.q_stride = c->leaves_only ? C : 3 * C;
    float *rows = arena_floats(c->arena, (size_t)R, 3 * (size_t)C);
    float *kv = c->leaves_only ? rows + (size_t)R * C : rows + C;
    a.kv = copy_rows(kv, a.kv_stride, c->kv + (size_t)first * 2 * C, R, 2 * C);
    a.q = rows;
    if (!c->leaves_only) {
        copy_rows(rows, a.q_stride, c->q + (size_t)first * C, R, C);
        return a;
    }
    int *query = ARENA_NEW(c->arena, int, R);
    a.n_query = 0;
    for (int i = first; i < first + R; i++)
        if (is_leaf[i]) {
            memcpy(rows + (size_t)a.n_query * C, c->q + (size_t)i * C, (size_t)C * sizeof *rows);
            query[a.n_query++] = i;
        }
    a.query = query;
    return a;
}

static int query_node(const TreeAttention *a, int i) {
    return a->query ? a->query[i] : a->first + i;
}

static void run_forward(Case *c, Pool *pool) {
    const TokenTree *tree = &c->tree;
    const bool *is_leaf = mark_leaves(tree, c->arena);
    size_t mark = arena_mark(c->arena), C = (size_t)c->C;
    float *shared_kv = arena_floats(c->arena, (size_t)tree->n_shared, 2 * C);
    float *out = arena_floats(c->arena, TREE_SEGMENT_ROWS, C);
    fill_nan(shared_kv, (size_t)tree->n_shared * 2 * C);
    fill_nan(c->out, (size_t)tree->n_nodes * C);
    for (int s = 0; s < tree->n_segments; s++) {
        TreeAttention a = segment_attention(c, s, shared_kv, is_leaf);
        tree_attention_forward(pool, out, &a);
        for (int i = 0; i < a.n_query; i++)
            memcpy(c->out + (size_t)query_node(&a, i) * C, out + (size_t)i * C, C * sizeof *out);
        if (s < tree->n_shared_segments)
            memcpy(shared_kv + (size_t)a.first * 2 * C, c->kv + (size_t)a.first * 2 * C,
                   (size_t)a.n_rows * 2 * C * sizeof *shared_kv);
    }
    arena_reset(c->arena, mark);
}

/* One segment backward: its rows of d_q and d_kv begin as NaN. */
static void segment_backward(Case *c, Pool *pool, const TreeAttention *a, float *d_shared_kv) {
    size_t C = (size_t)c->C, R = (size_t)a->n_rows;
    float *rows = arena_floats(c->arena, R, 3 * C), *d_out = arena_floats(c->arena, R, C);
    float *d_kv = c->leaves_only ? rows + R * C : rows + C;
    fill_nan(rows, R * 3 * C);
    for (int i = 0; i < a->n_query; i++)
        memcpy(d_out + (size_t)i * C, c->d_out + (size_t)query_node(a, i) * C, C * sizeof *d_out);
    tree_attention_backward(pool, rows, d_kv, d_shared_kv, d_out, a);
    for (int i = 0; i < a->n_query; i++)
        memcpy(c->d_q + (size_t)query_node(a, i) * C, rows + (size_t)i * (size_t)a->q_stride,
               C * sizeof *rows);
    for (size_t i = 0; i < R; i++)
        memcpy(c->d_kv + ((size_t)a->first + i) * 2 * C, d_kv + i * (size_t)a->kv_stride,
               2 * C * sizeof *d_kv);
}

static void run_backward(Case *c, Pool *pool) {
    const TokenTree *tree = &c->tree;
    const bool *is_leaf = mark_leaves(tree, c->arena);
    size_t mark = arena_mark(c->arena), C = (size_t)c->C, trunk = (size_t)(tree->n_shared - tree->n_frozen);
    float *d_shared_kv = trunk ? arena_floats(c->arena, trunk, 2 * C) : NULL;
    memset(c->d_q, 0, (size_t)tree->n_nodes * C * sizeof(float));
    for (int s = tree->n_segments - 1; s >= tree->n_frozen_segments; s--) {
        float *shared_kv = arena_floats(c->arena, (size_t)tree->n_shared, 2 * C);
        int first = tree->segment[s], known = first < tree->n_shared ? first : tree->n_shared;
        fill_nan(shared_kv, (size_t)tree->n_shared * 2 * C);
        memcpy(shared_kv, c->kv, (size_t)known * 2 * C * sizeof(float)); /* those before the segment */
        TreeAttention a = segment_attention(c, s, shared_kv, is_leaf);
        segment_backward(c, pool, &a, d_shared_kv);
    }
    arena_reset(c->arena, mark);
}

/* --- comparison --- */

static void check_forward(const Case *c, const double *q, const double *kv) {
    const TokenTree *tree = &c->tree;
    size_t C = (size_t)c->C, n = 0;
    const bool *is_leaf = mark_leaves(tree, c->arena);
    float *got = arena_floats(c->arena, (size_t)tree->n_nodes, C);
    float *want = arena_floats(c->arena, (size_t)tree->n_nodes, C);
    for (int i = 0; i < tree->n_nodes; i++) {
        if (c->leaves_only && !is_leaf[i])
            continue;
        double out[MOST_COLUMNS];
        node_formula(out, c, q, kv, i);
        for (size_t d = 0; d < C; d++) {
            got[n] = c->out[(size_t)i * C + d];
            want[n++] = (float)out[d];
        }
        const float *probs = c->probs + (size_t)c->H * tree->path_start[i];
        for (int h = 0; h < c->H; h++) {
            double sum = 0;
            for (int j = 0; j <= tree->depth[i]; j++)
                sum += (double)probs[h * (tree->depth[i] + 1) + j];
            assert_true(fabs(sum - 1) < 1e-5);
        }
    }
    assert_close("out", got, want, n, TOLERANCE_FORWARD);
}

/* Gradients along a random direction at one node. */
typedef struct {
    float got[3 * 200], want[3 * 200];
    size_t n;
} Directions;

static void compare_at(Directions *list, const Case *c, double *q, double *kv, int node) {
    size_t C = (size_t)c->C;
    double *at[] = {q + (size_t)node * C, kv + (size_t)node * 2 * C, kv + ((size_t)node * 2 + 1) * C};
    const float *grad[] = {c->d_q + (size_t)node * C, c->d_kv + (size_t)node * 2 * C,
                           c->d_kv + ((size_t)node * 2 + 1) * C};
    for (int part = 0; part < 3; part++) {
        const double h = 1e-4;
        float direction[MOST_COLUMNS];
        double ends[2], along = 0;
        fill_normal(direction, C, 1, (uint32_t)(node * 3 + part));
        for (int side = 0; side < 2; side++) {
            double step = side ? h : -h;
            for (size_t d = 0; d < C; d++)
                at[part][d] += step * (double)direction[d];
            ends[side] = objective(c, q, kv, node);
            for (size_t d = 0; d < C; d++)
                at[part][d] -= step * (double)direction[d];
        }
        for (size_t d = 0; d < C; d++)
            along += (double)grad[part][d] * (double)direction[d];
        list->got[list->n] = (float)along;
        list->want[list->n++] = (float)((ends[1] - ends[0]) / (2 * h));
    }
}

/* Trunk nodes, whose gradients come from many segments, are compared apart: among others they might not
 * weigh. */
static void check_backward(const Case *c, double *q, double *kv) {
    const TokenTree *tree = &c->tree;
    Directions trunk = {.n = 0}, own = {.n = 0};
    int n_trunk = tree->n_shared - tree->n_frozen, n_own = tree->n_nodes - tree->n_shared;
    const int trunk_samples = scratch_instrumented() ? 2 : 8, own_samples = scratch_instrumented() ? 8 : 50;
    for (int i = 0; i < trunk_samples && n_trunk > 0; i++)
        compare_at(&trunk, c, q, kv, tree->n_frozen + (int)((int64_t)n_trunk * i / trunk_samples));
    for (int i = 0; i < own_samples && n_own > 0; i++)
        compare_at(&own, c, q, kv, tree->n_shared + (int)((int64_t)n_own * i / own_samples));
    if (trunk.n > 0)
        assert_close("gradients of the trunk", trunk.got, trunk.want, trunk.n, TOLERANCE_DIFFERENCES);
    if (own.n > 0)
        assert_close("gradients of segments", own.got, own.want, own.n, TOLERANCE_DIFFERENCES);
}

static double *as_double(const float *x, size_t n, Arena *arena) {
    double *out = ARENA_NEW(arena, double, n);
    for (size_t i = 0; i < n; i++)
        out[i] = (double)x[i];
    return out;
}

static void check_case(const PromptSet *prompts, int H, int C, bool leaves_only, Arena *arena) {
    Pool *pool = pool_create(2);
    Case c = make_case(prompts, H, C, leaves_only, arena);
    size_t N = (size_t)c.tree.n_nodes;
    double *q = as_double(c.q, N * (size_t)C, arena), *kv = as_double(c.kv, N * 2 * (size_t)C, arena);
    run_forward(&c, pool);
    check_forward(&c, q, kv);
    run_backward(&c, pool);
    check_backward(&c, q, kv);
    pool_free(pool);
}

/* --- tests --- */

static void test_kinds(void **state) {
    (void)state;
    const struct {
        int n, H, C;
    } sizes[] = {{1, 1, 4}, {5, 3, 21}, {40, 2, 16}, {40, 1, 64}, {40, 1, MOST_COLUMNS}, {300, 2, 16}};
    for (PromptKind kind = 0; kind < PROMPTS_KINDS; kind++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int leaves_only = 0; leaves_only < 2; leaves_only++) {
                Arena *arena = arena_create();
                PromptSet prompts = prompts_random(kind, sizes[s].n, 1, arena);
                check_case(&prompts, sizes[s].H, sizes[s].C, leaves_only, arena);
                arena_free(arena);
            }
}

/* The longest prompt there may be: its trunk alone is larger than a segment. A second one leaves it at the
 * end. */
static void test_longest(void **state) {
    (void)state;
    Arena *arena = arena_create();
    int *symbols[2], lengths[] = {TREE_MAX_DEPTH, TREE_MAX_DEPTH};
    for (int k = 0; k < 2; k++) {
        symbols[k] = ARENA_NEW(arena, int, TREE_MAX_DEPTH);
        for (int i = 0; i < TREE_MAX_DEPTH; i++)
            symbols[k][i] = i == 0 ? SYMBOL_CONTEXT(0) : i < TREE_MAX_DEPTH - 2 ? i % 50 : k;
    }
    PromptSet prompts = {.symbols = (const int *[]){symbols[0], symbols[1]}, .lengths = lengths, .n = 2};
    TokenTree tree;
    prompts_tree(&tree, &prompts, arena);
    assert_int_equal(tree.n_nodes, TREE_MAX_DEPTH + 2);
    assert_int_equal(tree.n_shared, TREE_MAX_DEPTH + 2 - TREE_SEGMENT_ROWS);
    assert_int_equal(tree.n_shared_segments, 2);
    check_case(&prompts, 1, 4, false, arena);
    arena_free(arena);
}

/* A query that is far larger in one direction takes one value alone; nothing overflows. */
static void test_large_scores(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(1);
    PromptSet prompts = prompts_random(PROMPTS_END, 10, 1, arena);
    Case c = make_case(&prompts, 2, 16, false, arena);
    size_t n = (size_t)c.tree.n_nodes * 16;
    for (size_t i = 0; i < n; i++)
        c.q[i] *= 1e4f;
    run_forward(&c, pool);
    run_backward(&c, pool);
    for (size_t i = 0; i < n; i++)
        assert_true(isfinite(c.out[i]) && isfinite(c.d_q[i]) && isfinite(c.d_kv[2 * i]) &&
                    isfinite(c.d_kv[2 * i + 1]));
    check_forward(&c, as_double(c.q, n, arena), as_double(c.kv, 2 * n, arena));
    pool_free(pool);
    arena_free(arena);
}

static void test_same_bits_on_any_threads(void **state) {
    (void)state;
    Arena *arena = arena_create();
    PromptSet prompts = prompts_random(PROMPTS_MIDDLE, 300, 1, arena);
    Case one = make_case(&prompts, 4, 256, false, arena), many = make_case(&prompts, 4, 256, false, arena);
    Pool *pool = pool_create(1), *threads = pool_create(MOST_THREADS);
    run_forward(&one, pool);
    run_backward(&one, pool);
    run_forward(&many, threads);
    run_backward(&many, threads);
    size_t size = (size_t)one.tree.n_nodes * 256 * sizeof(float);
    assert_memory_equal(one.out, many.out, size);
    assert_memory_equal(one.d_q, many.d_q, size);
    assert_memory_equal(one.d_kv, many.d_kv, 2 * size);
    pool_free(pool);
    pool_free(threads);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_large_scores),
        cmocka_unit_test(test_same_bits_on_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
