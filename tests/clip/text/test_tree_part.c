/* test_tree_part.c: a tree in parts, each with an encoder of its own, gives the bits of the whole, for any
 * number of parts, forward and backward. */
#include "clip/text/tree_part.h"

#include "clip/checkpoint/random_clip.h"
#include "clip/math/packed.h"
#include "clip/text/text_encoder.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { C = 64, E = 32, VOCABULARY = 40, START = 38, END = 39, MOST = 8 };

typedef struct {
    int n_prompts, n_ctx, name_tokens, before; /* context vectors before the name */
    bool own;                                  /* contexts of its own for each prompt */
} Shape;

static const Shape SHAPES[] = {
    {400, 4, 3, 4, false}, /* a trunk of four contexts */
    {400, 4, 3, 2, false}, /* a trunk of two, contexts behind it */
    {400, 4, 3, 0, false}, /* no trunk, contexts in all units */
    {300, 4, 2, 4, true},  {300, 4, 2, 2, true}, {300, 4, 2, 0, true},
};

static void build(TokenTree *tree, Shape shape, Arena *arena) {
    const int **prompts = ARENA_NEW(arena, const int *, shape.n_prompts);
    int *lengths = ARENA_NEW(arena, int, shape.n_prompts);
    for (int k = 0; k < shape.n_prompts; k++) {
        int *p = ARENA_NEW(arena, int, 3 + shape.n_ctx + shape.name_tokens), n = 0;
        p[n++] = START;
        for (int m = 0; m <= shape.n_ctx; m++) {
            for (int j = 0; m == shape.before && j < shape.name_tokens; j++)
                p[n++] = j == 0 ? k / 3 % 30 : (k * 7 + j * k / 5) % 37;
            if (m < shape.n_ctx)
                p[n++] = SYMBOL_CONTEXT((shape.own ? k * shape.n_ctx : 0) + m);
        }
        p[n++] = END;
        prompts[k] = p;
        lengths[k] = n;
    }
    Error err = {0};
    assert_int_equal(token_tree_build(tree, prompts, lengths, shape.n_prompts, arena, &err), 0);
}

typedef struct {
    TokenTree tree;
    TextWeights w;
    int n_contexts, n_leaves;
    int *leaf_nodes, *leaf_of_prompt;
    float *contexts, *d_features; /* (n_contexts, C), (P, E) */
    float *features, *gradient;   /* (P, E), (n_contexts, C): of the whole */
    Arena *arena;
} Case;

static Case make_case(Shape shape) {
    Error err = {0};
    Case c = {.arena = arena_create(), .n_contexts = shape.n_ctx * (shape.own ? shape.n_prompts : 1)};
    build(&c.tree, shape, c.arena);
    c.w = text_random(C, 2, VOCABULARY, E, 7, c.arena);
    const size_t n = (size_t)shape.n_prompts * E, m = (size_t)c.n_contexts * C;
    c.leaf_nodes = ARENA_NEW(c.arena, int, shape.n_prompts);
    c.leaf_of_prompt = ARENA_NEW(c.arena, int, shape.n_prompts);
    c.n_leaves = token_tree_leaves(&c.tree, c.leaf_nodes, c.leaf_of_prompt);
    c.contexts = arena_floats(c.arena, m, 1);
    c.gradient = arena_floats(c.arena, m, 1);
    c.features = arena_floats(c.arena, n, 1);
    c.d_features = arena_floats(c.arena, n, 1);
    fill_normal(c.contexts, m, 0.1, 101);
    fill_normal(c.d_features, n, 1, 100);
    TextEncoder *encoder = text_encoder_create(&c.w, &c.tree, NULL, true, 0, &err);
    assert_non_null(encoder);
    text_encoder_forward(encoder, c.features, c.contexts);
    text_encoder_backward(encoder, c.gradient, c.d_features);
    text_encoder_free(encoder);
    return c;
}

typedef struct {
    TreePart part;
    TextEncoder *encoder;
    float *contexts, *gradient; /* (part.n_contexts, C) */
} Piece;

static void gather(float *to, const float *from, const TreePart *part) {
    for (size_t i = 0; i < (size_t)part->n_contexts; i++)
        memcpy(to + i * C, from + (size_t)part->contexts[i] * C, C * sizeof *to);
}

static void scatter(float *to, const float *from, const TreePart *part) {
    for (size_t i = 0; i < (size_t)part->n_contexts; i++)
        memcpy(to + (size_t)part->contexts[i] * C, from + i * C, C * sizeof *to);
}

static void open_piece(Piece *piece, const Case *c, int index, int count, bool own, size_t budget,
                       Pool *pool) {
    Error err = {0};
    assert_int_equal(tree_part(&piece->part, &c->tree, index, count, c->n_contexts, own, c->arena, &err), 0);
    piece->encoder = text_encoder_create(&c->w, &piece->part.tree, pool, true, budget, &err);
    assert_non_null(piece->encoder);
    if (!own && index > 0)
        assert_int_equal(text_encoder_keep_late(piece->encoder, &err), 0);
    const size_t n = (size_t)piece->part.n_contexts * C;
    piece->contexts = arena_floats(c->arena, n, 1);
    piece->gradient = arena_floats(c->arena, n, 1);
    gather(piece->contexts, c->contexts, &piece->part);
}

static void forward(Piece *pieces, int count, const Case *c, TextHead *head, float *features) {
    int n_leaves = 0;
    for (int i = 0; i < count; i++) {
        const TreePart *part = &pieces[i].part;
        assert_int_equal(part->first_leaf, n_leaves);
        assert_true(part->tree.n_prompts > 0);
        n_leaves += part->tree.n_prompts;
        text_encoder_forward_leaves(pieces[i].encoder, pieces[i].contexts);
        memcpy(head->x + (size_t)part->first_leaf * C, text_encoder_head(pieces[i].encoder)->x,
               (size_t)part->tree.n_prompts * C * sizeof(float));
    }
    assert_int_equal(n_leaves, c->n_leaves);
    text_head_forward(head, NULL, features);
}

static void backward(Piece *pieces, int count, bool own, const Case *c, TextHead *head, float *gradient) {
    text_head_backward(head, NULL, c->d_features);
    memset(gradient, 0, (size_t)c->n_contexts * C * sizeof *gradient);
    for (int i = 0; i < count; i++) {
        const TreePart *part = &pieces[i].part;
        memcpy(text_encoder_head(pieces[i].encoder)->d_x, head->d_x + (size_t)part->first_leaf * C,
               (size_t)part->tree.n_prompts * C * sizeof(float));
        memset(pieces[i].gradient, 0, (size_t)part->n_contexts * C * sizeof(float));
        text_encoder_backward_units(pieces[i].encoder, own || i == 0 ? pieces[i].gradient : NULL);
        if (own)
            scatter(gradient, pieces[i].gradient, part);
    }
    if (own)
        return;
    const size_t m = (size_t)c->n_contexts * C;
    size_t n;
    memcpy(gradient, pieces[0].gradient, m * sizeof *gradient);
    for (int i = 1; i <= count; i++) { /* each adds to what the one before it had */
        float *to = text_encoder_trunk(pieces[i % count].encoder, &n);
        memcpy(to, text_encoder_trunk(pieces[i - 1].encoder, &n), n * sizeof *to);
        if (i < count)
            text_encoder_add_late(pieces[i].encoder, gradient);
    }
    text_encoder_backward_trunk(pieces[0].encoder, gradient);
}

static void check(const Case *c, int count, bool own, size_t budget, int n_threads) {
    Piece pieces[MOST] = {0};
    Pool *pool = pool_create(n_threads);
    const size_t n = (size_t)c->tree.n_prompts * E, m = (size_t)c->n_contexts * C;
    float *features = arena_floats(c->arena, n, 1), *gradient = arena_floats(c->arena, m, 1);
    TextHead head = text_head(&c->w, c->n_leaves, c->tree.n_prompts, c->leaf_of_prompt, true, c->arena);
    for (int i = 0; i < count; i++)
        open_piece(&pieces[i], c, i, count, own, budget, pool);
    for (int pass = 0; pass < 2; pass++) { /* twice: nothing may be left from the first */
        forward(pieces, count, c, &head, features);
        assert_memory_equal(features, c->features, n * sizeof *features);
        backward(pieces, count, own, c, &head, gradient);
        backward(pieces, count, own, c, &head, gradient);
        assert_memory_equal(gradient, c->gradient, m * sizeof *gradient);
    }
    for (int i = 0; i < count; i++)
        text_encoder_free(pieces[i].encoder);
    pool_free(pool);
}

static void test_same_bits(void **state) {
    (void)state;
    static const int counts[] = {2, 3, 5, 8};
    if (!packed_is_supported())
        skip();
    for (size_t s = 0; s < sizeof SHAPES / sizeof *SHAPES; s++) {
        const Case c = make_case(SHAPES[s]);
        assert_true(tree_parts(&c.tree) >= MOST);
        for (int i = 0; i < 4; i++)
            check(&c, counts[i], SHAPES[s].own, i % 2 ? 1 << 20 : 0, 1 + i % 3);
        arena_free(c.arena);
    }
}

/* A tree that fits into one segment is one unit, unless its prompts have contexts of their own. */
static void test_number(void **state) {
    (void)state;
    Arena *arena = arena_create();
    TokenTree shared, own;
    build(&shared, (Shape){20, 4, 3, 4, false}, arena);
    build(&own, (Shape){20, 4, 3, 4, true}, arena);
    assert_int_equal(tree_parts(&shared), 1);
    assert_int_equal(tree_parts(&own), 20);
    for (int count = 2; count <= 20; count++)
        for (int i = 0, n = 0; i < count; i++) {
            Error err = {0};
            TreePart part;
            assert_int_equal(tree_part(&part, &own, i, count, 80, true, arena, &err), 0);
            assert_int_equal(part.first_leaf, n);
            assert_int_equal(part.n_contexts, 4 * part.tree.n_prompts);
            n += part.tree.n_prompts;
            assert_true(i + 1 < count || n == 20);
            assert_in_range(part.tree.n_prompts, 20 / count, (20 + count - 1) / count);
        }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_same_bits), cmocka_unit_test(test_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
