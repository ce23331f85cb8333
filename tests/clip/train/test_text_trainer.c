/* The trainable text tower: features as of the frozen path, gradients as of central differences and of each
 * text alone, and the same bits for any number of threads and any memory budget. */
#include "clip/train/text_trainer.h"

#include "clip/text/text_encoder.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"
#include "tests/support/train_support.h"
#include "tests/support/tree_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A trainer, texts for it, and the gradient of some loss of their features. */
typedef struct {
    TrainableClip *clip;
    Pool *pool;
    TextTrainer *trainer;
    Arena *arena;
    PromptSet prompts;
    TokenTree tree;
    float *features, *d_features;
} Bench;

typedef bool (*Wants)(const Parameter *parameter, void *context);

static bool of_text(const Parameter *p, void *context) {
    (void)context;
    return strncmp(p->name, "visual.", 7) != 0;
}

static bool named(const Parameter *p, void *context) {
    return strcmp(p->name, context) == 0;
}

static Bench open_bench(TinyClip kind, int n_texts, Wants wants, void *context, int threads, size_t budget) {
    Bench b = {.clip = train_clip_tiny(kind), .pool = pool_create(threads), .arena = arena_create()};
    Error err = {0};
    const size_t E = (size_t)b.clip->embed_dim, n = (size_t)n_texts;
    parameters_train(&b.clip->parameters, wants, context);
    b.trainer = text_trainer_create(b.clip, b.pool, budget, &err);
    if (!b.trainer)
        fail_msg("%s", err.text);
    b.prompts = prompts_random(PROMPTS_TEXTS, n_texts, 3, b.arena);
    if (n > 5) { /* equal texts share their features' rows, and add their gradients */
        b.prompts.symbols[4] = b.prompts.symbols[1];
        b.prompts.lengths[4] = b.prompts.lengths[1];
    }
    prompts_tree(&b.tree, &b.prompts, b.arena);
    b.features = arena_floats(b.arena, n, E);
    b.d_features = arena_floats(b.arena, n, E);
    fill_normal(b.d_features, n * E, 1, 6);
    return b;
}

static void close_bench(Bench *b) {
    text_trainer_free(b->trainer);
    train_clip_free(b->clip);
    pool_free(b->pool);
    arena_free(b->arena);
}

static void step(Bench *b) {
    Error err = {0};
    if (text_trainer_forward(b->trainer, b->features, &b->tree, PASS_TRAIN, &err) < 0)
        fail_msg("%s", err.text);
    text_trainer_backward(b->trainer, b->d_features);
}

static double loss(void *context) {
    Bench *b = context;
    double sum = 0;
    assert_int_equal(text_trainer_forward(b->trainer, b->features, &b->tree, PASS_TEST, NULL), 0);
    for (int i = 0; i < b->prompts.n * b->clip->embed_dim; i++)
        sum += (double)b->features[i] * (double)b->d_features[i];
    return sum;
}

static void test_frozen_path(void **state) {
    (void)state;
    Error err = {0};
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    Clip *frozen = tower_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT);
    TrainableClip *clip = train_clip_read(FIXTURES "clip_vit.safetensors");
    TextTrainer *trainer = text_trainer_create(clip, pool, 0, &err);
    assert_non_null(trainer);
    for (int n = 0; n <= 300; n = 3 * n + 3) { /* the trees grow, up to several segments */
        PromptSet prompts = prompts_random(PROMPTS_TEXTS, n, 7, arena);
        TokenTree tree;
        prompts_tree(&tree, &prompts, arena);
        const size_t size = (size_t)n * (size_t)frozen->embed_dim;
        float *want = arena_floats(arena, size, 1), *got = arena_floats(arena, size, 1);
        TextEncoder *encoder = text_encoder_create(&frozen->text, &tree, pool, false, 0, &err);
        assert_non_null(encoder);
        text_encoder_forward(encoder, want, NULL);
        assert_int_equal(
            text_trainer_forward(trainer, got, &tree, n % 2 ? PASS_TRAIN : PASS_TRAIN_FORGET, &err), 0);
        if (n > 0)
            assert_close("features", got, want, size, 2e-6);
        text_encoder_free(encoder);
    }
    text_trainer_free(trainer);
    train_clip_free(clip);
    clip_free(frozen);
    pool_free(pool);
    arena_free(arena);
}

static void check_differences(TinyClip kind, int n_texts) {
    Bench b = open_bench(kind, n_texts, of_text, NULL, 2, 0);
    step(&b);
    train_check_differences(&b.clip->parameters, loss, &b);
    close_bench(&b);
}

static void test_differences(void **state) {
    (void)state;
    check_differences((TinyClip){.activation = ACTIVATION_QUICK_GELU, .layers = 3}, 9);
    check_differences((TinyClip){.activation = ACTIVATION_GELU, .layers = 2, .has_gains = true}, 1);
    check_differences((TinyClip){.activation = ACTIVATION_GELU, .layers = 1}, 6);
}

static void assert_same_gradients(const Bench *a, const Bench *b) {
    size_t n, n_b;
    const float *x = train_gradients(a->clip, a->arena, &n), *y = train_gradients(b->clip, b->arena, &n_b);
    assert_int_equal(n, n_b);
    assert_memory_equal(x, y, n * sizeof *x);
}

/* What texts share collects the gradients of all of them: those of each text alone, added. */
static void test_shared_nodes(void **state) {
    (void)state;
    enum { TEXTS = 250 };
    Bench all = open_bench((TinyClip){.layers = 2}, TEXTS, of_text, NULL, 2, 0);
    Bench alone = open_bench((TinyClip){.layers = 2}, TEXTS, of_text, NULL, 2, 0);
    const size_t E = (size_t)all.clip->embed_dim;
    size_t n;
    assert_true(all.tree.n_shared > 0 && all.tree.n_segments > 2); /* a tree that others cut into segments */
    step(&all);
    for (int i = 0; i < TEXTS; i++) {
        TokenTree tree;
        float feature[64];
        assert_int_equal(token_tree_build(&tree, &alone.prompts.symbols[i], &alone.prompts.lengths[i], 1,
                                          alone.arena, NULL),
                         0);
        assert_int_equal(text_trainer_forward(alone.trainer, feature, &tree, PASS_TRAIN, NULL), 0);
        assert_close("feature", feature, all.features + (size_t)i * E, E, 2e-6);
        text_trainer_backward(alone.trainer, alone.d_features + (size_t)i * E);
    }
    const float *x = train_gradients(all.clip, all.arena, &n),
                *y = train_gradients(alone.clip, alone.arena, &n);
    assert_close("gradients", x, y, n, 2e-6);
    close_bench(&all);
    close_bench(&alone);
}

static void test_threads(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 2, .has_gains = true};
    Bench one = open_bench(kind, 100, of_text, NULL, 1, 0);
    step(&one);
    for (int threads = 2; threads <= 7; threads += threads == 3 ? 4 : 1) {
        Bench b = open_bench(kind, 100, of_text, NULL, threads, 0);
        step(&b);
        assert_same_gradients(&b, &one);
        close_bench(&b);
    }
    close_bench(&one);
}

static void test_budget(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 4};
    Bench all = open_bench(kind, 30, of_text, NULL, 2, 0);
    step(&all);
    const size_t most = text_trainer_bytes(all.trainer);
    size_t least = most;
    for (size_t budget = most;; budget -= most / 40) {
        Error err = {0};
        Bench b = open_bench(kind, 30, of_text, NULL, 2, budget);
        const int status = text_trainer_forward(b.trainer, b.features, &b.tree, PASS_TRAIN, &err);
        if (status == 0) {
            text_trainer_backward(b.trainer, b.d_features);
            assert_same_gradients(&b, &all);
            least = text_trainer_bytes(b.trainer);
            assert_true(least <= budget);
        }
        close_bench(&b);
        if (status < 0) {
            assert_non_null(strstr(err.text, "memory_budget: "));
            assert_non_null(strstr(err.text, "30 texts"));
            break;
        }
    }
    assert_true(least < most * 2 / 3);
    close_bench(&all);
}

/* Each parameter alone has the gradient that it has among all: what is skipped is not needed. */
static void test_parts(void **state) {
    (void)state;
    const TinyClip kind = {.layers = 2, .has_gains = true};
    Bench all = open_bench(kind, 12, of_text, NULL, 2, 0);
    step(&all);
    const double flops = text_trainer_flops(all.clip, &all.tree, true);
    for (int i = 0; i < all.clip->parameters.n; i++) {
        const Parameter *want = &all.clip->parameters.items[i];
        if (!want->gradient)
            continue;
        Bench b = open_bench(kind, 12, named, (void *)want->name, 2, 0);
        step(&b);
        const Parameter *got = &b.clip->parameters.items[i];
        assert_int_equal(parameters_count(&b.clip->parameters, true), want->count);
        assert_memory_equal(got->gradient, want->gradient, want->count * sizeof(float));
        assert_true(text_trainer_flops(b.clip, &b.tree, true) < flops);
        close_bench(&b);
    }
    close_bench(&all);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frozen_path),  cmocka_unit_test(test_differences),
        cmocka_unit_test(test_shared_nodes), cmocka_unit_test(test_threads),
        cmocka_unit_test(test_budget),       cmocka_unit_test(test_parts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
