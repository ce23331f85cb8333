/* What adds to queries, keys and values: a matrix beside in_proj's that is added to it, q += h D^T. The model
 * must be the one whose in_proj holds the sum, and D's gradient that of in_proj. */
#include "clip/train/qkv_additions.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "clip/train/text_trainer.h"
#include "clip/train/vit_trainer.h"
#include "tests/support/support.h"
#include "tests/support/train_support.h"
#include "tests/support/tree_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { LAYERS = 3, N = 9, SIDE = 16, EMBED = 10, LOWEST = 1 };

typedef struct {
    float *value[LAYERS], *gradient[LAYERS]; /* (3C, C): rows q, k, v */
    int n_forward, n_backward;
} Beside;

/* The three products of a block: out (rows, stride) += in (rows, C) D^T, for C rows of D. */
static void forward(void *context, const QkvRows *at) {
    Beside *b = context;
    const int C = at->width, CC = C * C;
    if (at->layer < LOWEST)
        return;
    const float *D = b->value[at->layer];
    gemm(false, true, at->n_queries, C, C, 1, at->h_q, C, D, C, 1, at->q, at->q_stride);
    gemm(false, true, at->n_rows, C, C, 1, at->h, C, D + CC, C, 1, at->kv, at->kv_stride);
    gemm(false, true, at->n_rows, C, C, 1, at->h, C, D + 2 * CC, C, 1, at->kv + C, at->kv_stride);
    b->n_forward++;
}

static void backward(void *context, const QkvRows *at) {
    Beside *b = context;
    const int C = at->width, CC = C * C;
    const float *D = b->value[at->layer], *d_q = at->q, *d_k = at->kv, *d_v = at->kv + C;
    float *d_D = b->gradient[at->layer];
    gemm(true, false, C, C, at->n_queries, 1, d_q, at->q_stride, at->h_q, C, 1, d_D, C);
    gemm(true, false, C, C, at->n_rows, 1, d_k, at->kv_stride, at->h, C, 1, d_D + CC, C);
    gemm(true, false, C, C, at->n_rows, 1, d_v, at->kv_stride, at->h, C, 1, d_D + 2 * CC, C);
    b->n_backward++;
    assert_true(!at->d_h == !at->d_h_q);
    if (!at->d_h)
        return;
    gemm(false, false, at->n_queries, C, C, 1, d_q, at->q_stride, D, C, 1, at->d_h_q, C);
    gemm(false, false, at->n_rows, C, C, 1, d_k, at->kv_stride, D + CC, C, 1, at->d_h, C);
    gemm(false, false, at->n_rows, C, C, 1, d_v, at->kv_stride, D + 2 * CC, C, 1, at->d_h, C);
}

typedef struct {
    TrainableClip *clip;
    Arena *arena;
    Beside beside;
    QkvAdditions additions;
    float features[N * EMBED];
} Bench;

static const char *prefix_of(bool image) {
    return image ? "visual." : "";
}

static Parameter *in_proj(const Bench *b, bool image, int layer) {
    return parameters_find(&b->clip->parameters, "%stransformer.resblocks.%d.attn.in_proj_weight",
                           prefix_of(image), layer);
}

static bool none(const Parameter *p, void *context) {
    (void)p;
    (void)context;
    return false;
}

/* With the matrices beside in_proj, or within it. */
static Bench open_bench(bool image, bool beside, bool all_trained) {
    Bench b = {.clip = train_clip_tiny((TinyClip){.layers = LAYERS}), .arena = arena_create()};
    const int C = image ? b.clip->image.width : b.clip->text.width;
    const size_t size = 3 * (size_t)C * (size_t)C;
    parameters_train(&b.clip->parameters, all_trained ? NULL : none, NULL);
    for (int l = LOWEST; l < LAYERS; l++) {
        b.beside.value[l] = arena_floats(b.arena, size, 1);
        b.beside.gradient[l] = arena_floats(b.arena, size, 1);
        fill_normal(b.beside.value[l], size, 0.1, (uint32_t)l);
        if (!beside)
            add_rows(in_proj(&b, image, l)->value, b.beside.value[l], size);
    }
    return b;
}

static void attach(Bench *b, bool image) {
    b->additions =
        (QkvAdditions){.context = &b->beside, .forward = forward, .backward = backward, .lowest = LOWEST};
    *(image ? &b->clip->add_image : &b->clip->add_text) = &b->additions;
}

static void close_bench(Bench *b) {
    train_clip_free(b->clip);
    arena_free(b->arena);
}

static size_t step_image(Bench *b, size_t budget, const float *d_features) {
    Error err = {0};
    float *pixels = arena_floats(b->arena, N, 3 * SIDE * SIDE);
    fill_normal(pixels, N * 3 * SIDE * SIDE, 1, 8);
    VitTrainer *trainer = vit_trainer_create(b->clip, NULL, N, budget, &err);
    if (!trainer)
        fail_msg("%s", err.text);
    vit_trainer_forward(trainer, b->features, pixels, N, PASS_TRAIN);
    vit_trainer_backward(trainer, d_features);
    const size_t bytes = vit_trainer_bytes(trainer);
    vit_trainer_free(trainer);
    return bytes;
}

static size_t step_text(Bench *b, size_t budget, const float *d_features) {
    Error err = {0};
    PromptSet prompts = prompts_random(PROMPTS_TEXTS, N, 3, b->arena);
    TokenTree tree;
    prompts_tree(&tree, &prompts, b->arena);
    TextTrainer *trainer = text_trainer_create(b->clip, NULL, budget, &err);
    if (!trainer || text_trainer_forward(trainer, b->features, &tree, PASS_TRAIN, &err) < 0)
        fail_msg("%s", err.text);
    text_trainer_backward(trainer, d_features);
    const size_t bytes = text_trainer_bytes(trainer);
    text_trainer_free(trainer);
    return bytes;
}

/* Returns the bytes of activations. */
static size_t step(Bench *b, bool image, size_t budget) {
    float d_features[N * EMBED];
    fill_normal(d_features, N * EMBED, 1, 9);
    return image ? step_image(b, budget, d_features) : step_text(b, budget, d_features);
}

static void check_sum(bool image) {
    Bench beside = open_bench(image, true, true), within = open_bench(image, false, true);
    attach(&beside, image);
    step(&beside, image, 0);
    step(&within, image, 0);
    assert_close("features", beside.features, within.features, N * EMBED, 2e-6);
    for (int i = 0; i < beside.clip->parameters.n; i++) {
        const Parameter *p = &beside.clip->parameters.items[i], *q = &within.clip->parameters.items[i];
        if ((strncmp(p->name, "visual.", 7) == 0) == image)
            assert_close(p->name, p->gradient, q->gradient, p->count, 5e-6);
    }
    for (int l = LOWEST; l < LAYERS; l++)
        assert_close("beside", beside.beside.gradient[l], in_proj(&within, image, l)->gradient,
                     in_proj(&within, image, l)->count, 5e-6);
    close_bench(&beside);
    close_bench(&within);
}

static void test_sum(void **state) {
    (void)state;
    check_sum(true);
    check_sum(false);
}

/* With nothing else trained: the backward pass ends where they begin, and computes blocks again to the same
 * bits. */
static void check_alone(bool image) {
    Bench all = open_bench(image, true, true), alone = open_bench(image, true, false),
          small = open_bench(image, true, false);
    attach(&all, image);
    attach(&alone, image);
    attach(&small, image);
    step(&all, image, 0);
    const size_t bytes = step(&alone, image, 0);
    assert_true(step(&small, image, bytes * 3 / 4) <= bytes * 3 / 4);
    assert_int_equal(alone.beside.n_forward, LAYERS - LOWEST);
    assert_int_equal(alone.beside.n_backward, LAYERS - LOWEST);
    assert_true(small.beside.n_forward > alone.beside.n_forward);
    for (int l = LOWEST; l < LAYERS; l++) {
        const size_t size = in_proj(&all, image, l)->count * sizeof(float);
        assert_memory_equal(alone.beside.gradient[l], all.beside.gradient[l], size);
        assert_memory_equal(small.beside.gradient[l], all.beside.gradient[l], size);
    }
    close_bench(&all);
    close_bench(&alone);
    close_bench(&small);
}

static void test_alone(void **state) {
    (void)state;
    check_alone(true);
    check_alone(false);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_sum), cmocka_unit_test(test_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
