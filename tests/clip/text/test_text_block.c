/* test_text_block.c: one transformer block over a prefix tree, segment by segment, against the formula in
 * double over each node's path, and its gradients against central differences of that formula. Memory that a
 * block may not read is NaN. */
#include "clip/text/text_block.h"

#include "clip/checkpoint/random_clip.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"
#include "tests/support/tree_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TOLERANCE_FORWARD 2e-6
#define TOLERANCE_DIFFERENCES 2e-5

enum { C = 16, H = 2, D = C / H, F = 4 * C, N_LAYERS = 2 };

/* --- the formula --- */

typedef struct {
    const TokenTree *tree;
    const BlockWeights *w;
    Activation activation;
    double *x, *kv; /* (N, C), (N, 2C): keys and values that follow from x */
} Formula;

#define NORM_EPS 0.01f /* one that is seen */

static void norm(double *out, const double *in, const float *w, const float *b) {
    double mean = 0, variance = 0;
    for (int c = 0; c < C; c++)
        mean += in[c] / C;
    for (int c = 0; c < C; c++)
        variance += (in[c] - mean) * (in[c] - mean) / C;
    for (int c = 0; c < C; c++)
        out[c] = (in[c] - mean) / sqrt(variance + (double)NORM_EPS) * (double)w[c] + (double)b[c];
}

static void linear(double *out, const double *in, const float *w, const float *b, int n_in, int n_out) {
    for (int j = 0; j < n_out; j++) {
        out[j] = (double)b[j];
        for (int i = 0; i < n_in; i++)
            out[j] += (double)w[j * n_in + i] * in[i];
    }
}

static double activation_of(double x, Activation activation) {
    return activation == ACTIVATION_GELU ? x * 0.5 * erfc(-x * M_SQRT1_2) : x / (1 + exp(-1.702 * x));
}

static void set_kv(Formula *f, int node) {
    double h[C];
    norm(h, f->x + (size_t)node * C, f->w->ln_1_w, f->w->ln_1_b);
    linear(f->kv + (size_t)node * 2 * C, h, f->w->in_proj_w + C * C, f->w->in_proj_b + C, C, 2 * C);
}

static void attend(double *out, const Formula *f, const double *q, int node) {
    int n = f->tree->depth[node] + 1;
    const int *path = f->tree->path + f->tree->path_start[node];
    for (int h = 0; h < H; h++) {
        double p[TREE_MAX_DEPTH], sum = 0;
        for (int j = 0; j < n; j++) {
            double score = 0;
            for (int d = h * D; d < (h + 1) * D; d++)
                score += q[d] * f->kv[(size_t)path[j] * 2 * C + d] / sqrt(D);
            sum += p[j] = exp(score);
        }
        for (int d = h * D; d < (h + 1) * D; d++) {
            out[d] = 0;
            for (int j = 0; j < n; j++)
                out[d] += p[j] / sum * f->kv[((size_t)path[j] * 2 + 1) * C + d];
        }
    }
}

static void node_formula(double *y, const Formula *f, int node) {
    const BlockWeights *w = f->w;
    double h[C], q[C], att[C], x2[C], fc[F], out[C];
    norm(h, f->x + (size_t)node * C, w->ln_1_w, w->ln_1_b);
    linear(q, h, w->in_proj_w, w->in_proj_b, C, C);
    attend(att, f, q, node);
    linear(out, att, w->out_proj_w, w->out_proj_b, C, C);
    for (int c = 0; c < C; c++)
        x2[c] = f->x[(size_t)node * C + c] + out[c];
    norm(h, x2, w->ln_2_w, w->ln_2_b);
    linear(fc, h, w->c_fc_w, w->c_fc_b, C, F);
    for (int i = 0; i < F; i++)
        fc[i] = activation_of(fc[i], f->activation);
    linear(out, fc, w->c_proj_w, w->c_proj_b, F, C);
    for (int c = 0; c < C; c++)
        y[c] = x2[c] + out[c];
}

/* --- a block and what it works on --- */

typedef struct {
    Arena *arena;
    Pool *pool;
    TokenTree tree;
    TextWeights w;
    BlockScratch scratch;
    int layer;
    bool last;
    Segment *segments;  /* (n_segments) */
    BlockCache *caches; /* (n_segments) */
    bool *answers;      /* (N) the node has a y */
    float *x, *y;       /* (N, C) */
    float *d_y, *d_x;   /* (N, C) */
    float *shared_kv;   /* (n_shared, 2C) */
} Bench;

static void fill_nan(float *x, size_t n) {
    for (size_t i = 0; i < n; i++)
        x[i] = NAN;
}

static void lay_segments(Bench *b) {
    const TokenTree *tree = &b->tree;
    bool *is_leaf = ARENA_NEW(b->arena, bool, tree->n_nodes);
    b->segments = ARENA_NEW(b->arena, Segment, tree->n_segments);
    b->caches = ARENA_NEW(b->arena, BlockCache, tree->n_segments);
    b->answers = ARENA_NEW(b->arena, bool, tree->n_nodes);
    for (int i = 0; i < tree->n_prompts; i++)
        is_leaf[tree->leaf[i]] = true;
    for (int s = 0; s < tree->n_segments; s++) {
        int first = tree->segment[s], rows = tree->segment[s + 1] - first,
            *leaves = ARENA_NEW(b->arena, int, rows);
        Segment *segment = &b->segments[s];
        *segment = (Segment){.first = first, .rows = rows, .leaves = leaves};
        for (int i = first; i < first + rows; i++) {
            b->answers[i] = !b->last || is_leaf[i];
            if (is_leaf[i])
                leaves[segment->n_leaves++] = i;
        }
        size_t size = block_cache_place(NULL, &b->w, tree, segment, b->last, NULL);
        float *memory = arena_floats(b->arena, size, 1);
        fill_nan(memory, size);
        assert_int_equal(block_cache_place(&b->caches[s], &b->w, tree, segment, b->last, memory), size);
        b->caches[s].x = arena_floats(b->arena, (size_t)rows, C);
        memcpy(b->caches[s].x, b->x + (size_t)first * C, (size_t)rows * C * sizeof *memory);
    }
}

static Bench open_bench(const PromptSet *prompts, bool last, Activation activation, int n_threads) {
    Bench b = {.arena = arena_create(),
               .pool = pool_create(n_threads),
               .layer = last ? N_LAYERS - 1 : 0,
               .last = last};
    prompts_tree(&b.tree, prompts, b.arena);
    b.w = text_random(C, N_LAYERS, 10, 8, 5, b.arena);
    b.w.n_heads = H;
    b.w.activation = activation;
    b.w.norm_eps = NORM_EPS;
    size_t N = (size_t)b.tree.n_nodes, n_shared = (size_t)b.tree.n_shared;
    b.x = arena_floats(b.arena, N, C);
    b.y = arena_floats(b.arena, N, C);
    b.d_y = arena_floats(b.arena, N, C);
    b.d_x = arena_floats(b.arena, N, C);
    b.shared_kv = arena_floats(b.arena, n_shared, 2 * C);
    fill_normal(b.x, N * C, 1, 1);
    fill_normal(b.d_y, N * C, 1, 2);
    fill_nan(b.shared_kv, n_shared * 2 * C);
    block_scratch_alloc(&b.scratch, &b.w, &b.tree, n_threads, TREE_SEGMENT_ROWS, true, b.arena);
    fill_nan(b.scratch.h, (size_t)TREE_SEGMENT_ROWS * C);
    fill_nan(b.scratch.att, (size_t)TREE_SEGMENT_ROWS * C);
    fill_nan(b.scratch.g, (size_t)TREE_SEGMENT_ROWS * F);
    fill_nan(b.scratch.d_x2, (size_t)TREE_SEGMENT_ROWS * C);
    fill_nan(b.scratch.d_h, (size_t)TREE_SEGMENT_ROWS * C);
    fill_nan(b.scratch.d_qkv, (size_t)TREE_SEGMENT_ROWS * 3 * C);
    lay_segments(&b);
    return b;
}

static void close_bench(Bench *b) {
    pool_free(b->pool);
    arena_free(b->arena);
}

/* The row of a segment's y or d_y that stands for its i-th answer. */
static int answer_node(const Bench *b, const Segment *segment, int i) {
    return b->last ? segment->leaves[i] : segment->first + i;
}

static void run_forward(Bench *b) {
    BlockContext context = {.w = &b->w, .tree = &b->tree, .pool = b->pool, .scratch = &b->scratch};
    float *y = arena_floats(b->arena, TREE_SEGMENT_ROWS, C);
    for (int s = 0; s < b->tree.n_segments; s++) {
        const Segment *segment = &b->segments[s];
        int n = b->last ? segment->n_leaves : segment->rows;
        y[0] = 123;
        block_forward(&context, b->layer, segment, &b->caches[s], y, b->shared_kv);
        assert_true(n > 0 || y[0] == 123);
        for (int i = 0; i < n; i++)
            memcpy(b->y + (size_t)answer_node(b, segment, i) * C, y + (size_t)i * C, C * sizeof *y);
    }
}

/* With in_place, d_x and d_y of a segment are one matrix, as in the text tower. */
static void run_backward(Bench *b, bool in_place) {
    BlockContext context = {.w = &b->w, .tree = &b->tree, .pool = b->pool, .scratch = &b->scratch};
    size_t trunk = (size_t)(b->tree.n_shared - b->tree.n_frozen);
    float *d_shared_kv = arena_floats(b->arena, trunk, 2 * C);
    float *d_x = arena_floats(b->arena, TREE_SEGMENT_ROWS, C);
    float *d_y = in_place ? d_x : arena_floats(b->arena, TREE_SEGMENT_ROWS, C);
    for (int s = b->tree.n_segments - 1; s >= b->tree.n_frozen_segments; s--) {
        const Segment *segment = &b->segments[s];
        int n = b->last ? segment->n_leaves : segment->rows;
        fill_nan(d_x, (size_t)TREE_SEGMENT_ROWS * C);
        for (int i = 0; i < n; i++)
            memcpy(d_y + (size_t)i * C, b->d_y + (size_t)answer_node(b, segment, i) * C, C * sizeof *d_y);
        block_backward(&context, b->layer, segment, &b->caches[s], d_x, d_y, b->shared_kv, d_shared_kv);
        memcpy(b->d_x + (size_t)segment->first * C, d_x, (size_t)segment->rows * C * sizeof *d_x);
    }
}

/* --- comparison --- */

static Formula formula_of(const Bench *b) {
    size_t N = (size_t)b->tree.n_nodes;
    Formula f = {.tree = &b->tree,
                 .w = &b->w.blocks[b->layer],
                 .activation = b->w.activation,
                 .x = ARENA_NEW(b->arena, double, N *C),
                 .kv = ARENA_NEW(b->arena, double, N * 2 * C)};
    for (size_t i = 0; i < N * C; i++)
        f.x[i] = (double)b->x[i];
    for (int i = 0; i < b->tree.n_nodes; i++)
        set_kv(&f, i);
    return f;
}

static void check_forward(const Bench *b, const Formula *f) {
    size_t n = 0;
    float *got = arena_floats(b->arena, (size_t)b->tree.n_nodes, C);
    float *want = arena_floats(b->arena, (size_t)b->tree.n_nodes, C);
    for (int i = 0; i < b->tree.n_nodes; i++) {
        double y[C];
        node_formula(y, f, i);
        for (int c = 0; c < C && b->answers[i]; c++) {
            got[n] = b->y[(size_t)i * C + c];
            want[n++] = (float)y[c];
        }
    }
    assert_close("y", got, want, n, TOLERANCE_FORWARD);
}

/* Sum of d_y . y over all that looks at `node`. */
static double objective(const Bench *b, Formula *f, int node) {
    double sum = 0, y[C];
    size_t depth = (size_t)f->tree->depth[node];
    set_kv(f, node);
    for (int i = node; i < f->tree->n_nodes; i++) {
        if (!b->answers[i] || f->tree->depth[i] < (int)depth ||
            f->tree->path[f->tree->path_start[i] + depth] != node)
            continue;
        node_formula(y, f, i);
        for (int c = 0; c < C; c++)
            sum += (double)b->d_y[(size_t)i * C + c] * y[c];
    }
    return sum;
}

/* Up to `count` of the nodes [first, end), each along a random direction. */
static void check_gradients(const char *what, const Bench *b, Formula *f, int first, int end, int count) {
    float got[64], want[64];
    if (first == end)
        return;
    for (int k = 0; k < count; k++) {
        const double h = 1e-4;
        int node = first + (int)((int64_t)(end - first) * k / count);
        float direction[C];
        double ends[2], along = 0, *x = f->x + (size_t)node * C;
        fill_normal(direction, C, 1, (uint32_t)node);
        for (int side = 0; side < 2; side++) {
            for (int c = 0; c < C; c++)
                x[c] += (side ? 2 * h : -h) * (double)direction[c]; /* to -h, then to h */
            ends[side] = objective(b, f, node);
        }
        for (int c = 0; c < C; c++) {
            x[c] = (double)b->x[(size_t)node * C + c];
            along += (double)b->d_x[(size_t)node * C + c] * (double)direction[c];
        }
        set_kv(f, node);
        got[k] = (float)along;
        want[k] = (float)((ends[1] - ends[0]) / (2 * h));
    }
    assert_close(what, got, want, (size_t)count, TOLERANCE_DIFFERENCES);
}

static void check_block(const PromptSet *prompts, bool last, Activation activation) {
    Bench b = open_bench(prompts, last, activation, 2);
    Formula f = formula_of(&b);
    run_forward(&b);
    check_forward(&b, &f);
    run_backward(&b, false);
    check_gradients("d_x of the trunk", &b, &f, b.tree.n_frozen, b.tree.n_shared,
                    scratch_instrumented() ? 2 : 8);
    check_gradients("d_x of segments", &b, &f, b.tree.n_shared, b.tree.n_nodes,
                    scratch_instrumented() ? 8 : 40);
    close_bench(&b);
}

/* --- tests --- */

static void test_kinds(void **state) {
    (void)state;
    const int sizes[] = {1, 5, 40, 250};
    for (PromptKind kind = 0; kind < PROMPTS_KINDS; kind++)
        for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++)
            for (int last = 0; last < 2; last++) {
                Arena *arena = arena_create();
                PromptSet prompts = prompts_random(kind, sizes[s], 1, arena);
                check_block(&prompts, last, s % 2 ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU);
                arena_free(arena);
            }
}

/* The trees above do have every part, and a trunk without leaves. */
static void test_parts_occur(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const PromptKind kinds[] = {PROMPTS_END, PROMPTS_MIDDLE};
    for (int i = 0; i < 2; i++) {
        PromptSet prompts = prompts_random(kinds[i], 250, 1, arena);
        Bench b = open_bench(&prompts, true, ACTIVATION_GELU, 1);
        assert_true(b.tree.n_frozen > 0 && b.tree.n_shared > b.tree.n_frozen);
        assert_true(b.tree.n_segments - b.tree.n_shared_segments > 1);
        assert_int_equal(b.segments[b.tree.n_frozen_segments].n_leaves, 0);
        close_bench(&b);
    }
    arena_free(arena);
}

static void test_in_place(void **state) {
    (void)state;
    Arena *arena = arena_create();
    PromptSet prompts = prompts_random(PROMPTS_END, 250, 1, arena);
    Bench apart = open_bench(&prompts, false, ACTIVATION_QUICK_GELU, 2);
    Bench place = open_bench(&prompts, false, ACTIVATION_QUICK_GELU, 2);
    run_forward(&apart);
    run_forward(&place);
    run_backward(&apart, false);
    run_backward(&place, true);
    assert_memory_equal(apart.d_x, place.d_x, (size_t)apart.tree.n_nodes * C * sizeof(float));
    /* y over x, as where nothing is kept for a backward pass */
    BlockContext context = {
        .w = &place.w, .tree = &place.tree, .pool = place.pool, .scratch = &place.scratch};
    for (int s = 0; s < place.tree.n_segments; s++) {
        const Segment *segment = &place.segments[s];
        block_forward(&context, 0, segment, &place.caches[s], place.caches[s].x, place.shared_kv);
        assert_memory_equal(place.caches[s].x, apart.y + (size_t)segment->first * C,
                            (size_t)segment->rows * C * sizeof(float));
    }
    close_bench(&apart);
    close_bench(&place);
    arena_free(arena);
}

static void test_same_bits_on_any_threads(void **state) {
    (void)state;
    Arena *arena = arena_create();
    PromptSet prompts = prompts_random(PROMPTS_MIDDLE, 250, 1, arena);
    for (int last = 0; last < 2; last++) {
        Bench one = open_bench(&prompts, last, ACTIVATION_QUICK_GELU, 1);
        Bench many = open_bench(&prompts, last, ACTIVATION_QUICK_GELU, 5);
        size_t size = (size_t)one.tree.n_nodes * C * sizeof(float);
        run_forward(&one);
        run_forward(&many);
        run_backward(&one, false);
        run_backward(&many, false);
        assert_memory_equal(one.y, many.y, size);
        assert_memory_equal(one.d_x, many.d_x, size);
        close_bench(&one);
        close_bench(&many);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_parts_occur),
        cmocka_unit_test(test_in_place),
        cmocka_unit_test(test_same_bits_on_any_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
