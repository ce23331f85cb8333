/* The text tower over a prefix tree: against reference values, against central differences, and against
 * itself with every prompt alone, other memory budgets and other numbers of threads. */
#include "clip/text/text_encoder.h"

#include "clip/checkpoint/random_clip.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Prompts from rows of padded token ids; EOS is the highest id. */
static void padded_tree(TokenTree *tree, const int *tokens, int n, Arena *arena) {
    const int **prompts = ARENA_NEW(arena, const int *, n);
    int *lengths = ARENA_NEW(arena, int, n);
    for (int i = 0; i < n; i++) {
        prompts[i] = tokens + (size_t)i * 77;
        int eos = 0;
        for (int t = 0; t < 77; t++)
            eos = prompts[i][t] > prompts[i][eos] ? t : eos;
        lengths[i] = eos + 1;
    }
    Error err = {0};
    assert_int_equal(token_tree_build(tree, prompts, lengths, n, arena, &err), 0);
}

static void golden_features(const char *model, const char *golden) {
    Error err = {0};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    Clip *clip = clip_open(model, CLIP_TEXT, &err);
    if (!clip)
        fail_msg("%s", err.text);
    TensorFile *file = fixture_open(golden);
    const char *sets[] = {"zs", "zs2"};
    for (int i = 0; i < 2; i++) {
        const int *tokens = fixture_ints(file, arena_printf(arena, "%s_tokens", sets[i]), arena, NULL);
        const float *want =
            fixture_floats(file, arena_printf(arena, "%s_text_features", sets[i]), arena, NULL);
        TokenTree tree;
        padded_tree(&tree, tokens, 10, arena);
        TextEncoder *encoder = text_encoder_create(&clip->text, &tree, pool, false, 0, &err);
        assert_non_null(encoder);
        size_t size = (size_t)10 * (size_t)clip->embed_dim;
        float *got = arena_floats(arena, size, 1);
        text_encoder_forward(encoder, got, NULL);
        assert_close(sets[i], got, want, size, 1e-5);
        text_encoder_free(encoder);
    }
    tensors_close(file);
    clip_free(clip);
    pool_free(pool);
    arena_free(arena);
}

static void test_golden(void **state) {
    (void)state;
    golden_features(FIXTURES "clip_vit.safetensors", FIXTURES "golden_vit.safetensors");
    golden_features(FIXTURES "clip_rn.safetensors", FIXTURES "golden_rn.safetensors");
}

/* --- random trees --- */

typedef struct {
    int n_prompts, n_ctx, name_tokens; /* of each class; names share their first token in pairs */
    bool csc;
    int before; /* context vectors before the name */
} Shape;

enum { VOCABULARY = 40, START = 38, END = 39 };

static void build(TokenTree *tree, Shape shape, Arena *arena) {
    const int **prompts = ARENA_NEW(arena, const int *, shape.n_prompts);
    int *lengths = ARENA_NEW(arena, int, shape.n_prompts);
    for (int k = 0; k < shape.n_prompts; k++) {
        int *p = ARENA_NEW(arena, int, 3 + shape.n_ctx + shape.name_tokens), n = 0;
        p[n++] = START;
        for (int m = 0; m <= shape.n_ctx; m++) {
            for (int j = 0; m == shape.before && j < shape.name_tokens; j++)
                p[n++] = j == 0 ? k / 2 % 30 : (k * 7 + j) % 37;
            if (m < shape.n_ctx)
                p[n++] = SYMBOL_CONTEXT((shape.csc ? k * shape.n_ctx : 0) + m);
        }
        p[n++] = END;
        prompts[k] = p;
        lengths[k] = n;
    }
    Error err = {0};
    assert_int_equal(token_tree_build(tree, prompts, lengths, shape.n_prompts, arena, &err), 0);
}

static const Shape SHAPES[] = {
    {6, 3, 2, false, 3}, {6, 3, 2, false, 1}, {6, 3, 2, false, 0},
    {5, 2, 3, true, 2},  {5, 3, 2, true, 1},  {5, 2, 2, true, 0},
};

static size_t contexts_of(Shape shape) {
    return (size_t)shape.n_ctx * (size_t)(shape.csc ? shape.n_prompts : 1);
}

/* A scalar of all features: their product with fixed weights. */
static double objective(TextEncoder *encoder, float *features, const float *contexts, const float *weights,
                        size_t n) {
    text_encoder_forward(encoder, features, contexts);
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)features[i] * weights[i];
    return sum;
}

static void test_central_differences(void **state) {
    (void)state;
    Error err = {0};
    for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++) {
        Arena *arena = arena_create();
        Pool *pool = pool_create(2);
        TextWeights w = text_random(128, 3, VOCABULARY, 32, 7, arena);
        w.activation = s % 2 ? ACTIVATION_GELU : ACTIVATION_QUICK_GELU;
        TokenTree tree;
        build(&tree, SHAPES[s], arena);
        TextEncoder *encoder = text_encoder_create(&w, &tree, pool, true, 0, &err);
        assert_non_null(encoder);
        size_t n = (size_t)tree.n_prompts * 32, n_ctx = contexts_of(SHAPES[s]) * 128;
        float *features = arena_floats(arena, n, 1), *weights = arena_floats(arena, n, 1);
        float *ctx = arena_floats(arena, n_ctx, 1), *grad = arena_floats(arena, n_ctx, 1);
        float *direction = arena_floats(arena, n_ctx, 1), *moved = arena_floats(arena, n_ctx, 1);
        fill_normal(weights, n, 1, 100);
        fill_normal(ctx, n_ctx, 0.1, 101);
        objective(encoder, features, ctx, weights, n);
        text_encoder_backward(encoder, grad, weights);
        for (uint32_t trial = 0; trial < 4; trial++) { /* along random directions */
            const double h = 2e-3;
            static const int steps[] = {-2, -1, 1, 2};
            double along = 0, at[4];
            fill_normal(direction, n_ctx, 1, 200 + trial);
            for (int j = 0; j < 4; j++) {
                for (size_t i = 0; i < n_ctx; i++)
                    moved[i] = ctx[i] + (float)(steps[j] * h * direction[i]);
                at[j] = objective(encoder, features, moved, weights, n);
            }
            for (size_t i = 0; i < n_ctx; i++)
                along += (double)grad[i] * direction[i];
            double numeric = (8 * (at[2] - at[1]) - (at[3] - at[0])) / (12 * h); /* off by h^4 */
            double scale = 0;
            for (size_t i = 0; i < n_ctx; i++)
                scale += (double)grad[i] * grad[i];
            if (!(fabs(numeric - along) <= 5e-4 * sqrt(scale)))
                fail_msg("shape %zu: difference quotient %g, gradient %g (length %g)", s, numeric, along,
                         sqrt(scale));
        }
        text_encoder_free(encoder);
        pool_free(pool);
        arena_free(arena);
    }
}

/* Forward and backward of one shape; features and gradient are owned by the arena. */
static void run(Shape shape, int n_threads, size_t budget, float **features, float **grad, size_t *n_features,
                size_t *n_grad, bool *recomputes, Arena *arena) {
    Error err = {0};
    Pool *pool = pool_create(n_threads);
    TextWeights w = text_random(64, 2, VOCABULARY, 32, 7, arena);
    TokenTree tree;
    build(&tree, shape, arena);
    TextEncoder *encoder = text_encoder_create(&w, &tree, pool, true, budget, &err);
    assert_non_null(encoder);
    *n_features = (size_t)tree.n_prompts * 32;
    *n_grad = contexts_of(shape) * 64;
    float *ctx = arena_floats(arena, *n_grad, 1), *weights = arena_floats(arena, *n_features, 1);
    *features = arena_floats(arena, *n_features, 1);
    *grad = arena_floats(arena, *n_grad, 1);
    fill_normal(ctx, *n_grad, 0.1, 101);
    fill_normal(weights, *n_features, 1, 100);
    for (int pass = 0; pass < 2; pass++) { /* twice: nothing may be left from the first */
        memset(*grad, 0, *n_grad * sizeof **grad);
        text_encoder_forward(encoder, *features, ctx);
        text_encoder_backward(encoder, *grad, weights);
    }
    *recomputes = text_encoder_recomputes(encoder);
    text_encoder_free(encoder);
    pool_free(pool);
}

/* 400 classes make several segments and a trunk: the same bits for every number of threads and every budget.
 */
static void test_same_bits(void **state) {
    (void)state;
    const Shape shapes[] = {{400, 4, 3, false, 4}, {400, 4, 3, false, 2}, {300, 4, 2, true, 4}};
    for (size_t s = 0; s < 3; s++) {
        Arena *arena = arena_create();
        float *features[6], *grad[6];
        size_t n, m;
        bool recomputes[6];
        const int threads[] = {1, 2, 5, 2, 1, 3};
        const size_t budgets[] = {0, 0, 0, 1 << 20, 7 << 18, 4 << 20}; /* nothing kept, inputs, more */
        for (int i = 0; i < 6; i++)
            run(shapes[s], threads[i], budgets[i], &features[i], &grad[i], &n, &m, &recomputes[i], arena);
        for (int i = 0; i < 6; i++) {
            assert_int_equal(recomputes[i], budgets[i] > 0);
            assert_memory_equal(features[i], features[0], n * sizeof(float));
            assert_memory_equal(grad[i], grad[0], m * sizeof(float));
        }
        assert_true(relative_error(grad[0], grad[0], m) == 0);
        arena_free(arena);
    }
}

/* Each prompt in a tree of its own gives the same feature and the same share of the gradient. */
static void test_tree_equals_single_prompts(void **state) {
    (void)state;
    Error err = {0};
    Shape shape = {30, 3, 3, false, 2};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    float *features, *grad;
    size_t n, m;
    bool recomputes;
    run(shape, 2, 0, &features, &grad, &n, &m, &recomputes, arena);
    TextWeights w = text_random(64, 2, VOCABULARY, 32, 7, arena);
    TokenTree whole;
    build(&whole, shape, arena);
    float *ctx = arena_floats(arena, m, 1), *weights = arena_floats(arena, n, 1);
    float *single = arena_floats(arena, n, 1), *sum = arena_floats(arena, m, 1);
    fill_normal(ctx, m, 0.1, 101);
    fill_normal(weights, n, 1, 100);
    for (int k = 0; k < shape.n_prompts; k++) {
        int node = whole.leaf[k], length = whole.depth[node] + 1, symbols[80];
        for (int j = 0; j < length; j++)
            symbols[j] = whole.symbol[whole.path[whole.path_start[node] + (size_t)j]];
        const int *prompt = symbols;
        TokenTree tree;
        assert_int_equal(token_tree_build(&tree, &prompt, &length, 1, arena, &err), 0);
        TextEncoder *encoder = text_encoder_create(&w, &tree, pool, true, 0, &err);
        assert_non_null(encoder);
        text_encoder_forward(encoder, single + k * 32, ctx);
        text_encoder_backward(encoder, sum, weights + k * 32);
        text_encoder_free(encoder);
    }
    assert_close("features", features, single, n, 1e-5);
    assert_close("gradient", grad, sum, m, 1e-5);
    pool_free(pool);
    arena_free(arena);
}

/* The same tree with the number of a node for its symbol. */
static void renumber(TokenTree *tree, const TokenTree *from, Arena *arena) {
    const int **prompts = ARENA_NEW(arena, const int *, from->n_prompts);
    int *lengths = ARENA_NEW(arena, int, from->n_prompts);
    for (int i = 0; i < from->n_prompts; i++) {
        const int *path = from->path + from->path_start[from->leaf[i]];
        lengths[i] = from->depth[from->leaf[i]] + 1;
        int *prompt = ARENA_NEW(arena, int, lengths[i]);
        for (int j = 0; j < lengths[i]; j++)
            prompt[j] = SYMBOL_CONTEXT(path[j]);
        prompts[i] = prompt;
    }
    Error err = {0};
    assert_int_equal(token_tree_build(tree, prompts, lengths, from->n_prompts, arena, &err), 0);
}

/* Blocks in two parts, of which the second takes the rows of the first, are the whole tower. */
static void test_parts(void **state) {
    (void)state;
    const Shape shapes[] = {{30, 3, 3, false, 2}, {400, 4, 3, false, 4}, {300, 4, 2, true, 4}};
    for (size_t s = 0; s < 6; s++) {
        Error err = {0};
        Arena *arena = arena_create();
        Pool *pool = pool_create(2);
        float *features, *grad;
        size_t n, m;
        bool recomputes;
        run(shapes[s / 2], 2, 0, &features, &grad, &n, &m, &recomputes, arena);
        TextWeights w = text_random(64, 2, VOCABULARY, 32, 7, arena);
        TokenTree lower_tree, upper_tree;
        build(&lower_tree, shapes[s / 2], arena);
        renumber(&upper_tree, &lower_tree, arena);
        const size_t budget = s % 2 ? 1 << 20 : 0;
        TextEncoder *lower = text_encoder_create_part(&w, &lower_tree, pool, true, 0, 1, budget, &err);
        TextEncoder *upper = text_encoder_create_part(&w, &upper_tree, pool, true, 1, 2, budget, &err);
        const size_t n_rows = (size_t)lower_tree.n_nodes * 64;
        float *ctx = arena_floats(arena, m, 1), *weights = arena_floats(arena, n, 1),
              *got = arena_floats(arena, n, 1), *sum = arena_floats(arena, m, 1),
              *rows = arena_floats(arena, n_rows, 1), *d_rows = arena_floats(arena, n_rows, 1);
        fill_normal(ctx, m, 0.1, 101);
        fill_normal(weights, n, 1, 100);
        for (int pass = 0; pass < 2; pass++) {
            memset(d_rows, 0, n_rows * sizeof *d_rows);
            memset(sum, 0, m * sizeof *sum);
            text_encoder_forward(lower, rows, ctx);
            text_encoder_forward(upper, got, rows);
            text_encoder_backward(upper, d_rows, weights);
            text_encoder_backward(lower, sum, d_rows);
        }
        assert_memory_equal(got, features, n * sizeof *got);
        assert_close("gradient", sum, grad, m, 1e-5);
        text_encoder_free(lower);
        text_encoder_free(upper);
        pool_free(pool);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),    cmocka_unit_test(test_central_differences),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_tree_equals_single_prompts),
        cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
