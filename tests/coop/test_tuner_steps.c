/* test_tuner_steps.c: twenty steps of fine-tuning against PyTorch's (fixtures/train/make_tuned.py): the
 * losses on the way, and the logits in the end. */
#include "clip/math/ops.h"
#include "coop/tuner.h"
#include "coop/zeroshot.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { B = 4, N = 8, K = 3, STEPS = 20 };

typedef struct {
    Arena *arena;
    Pool *pool;
    TrainableClip *clip;
    Clip *frozen;
    Tuner *tuner;
    TokenTree tree;
    float *images; /* (N, 3 S S) */
    int labels[N];
} Bench;

static void waves(float *x, size_t n, double a, double b, double scale) {
    for (size_t i = 0; i < n; i++)
        x[i] = (float)((double)(float)sin(a + b * (double)i) * scale);
}

static void make_tree(Bench *b) {
    static int symbols[K][6];
    const int *prompts[K], end = b->frozen->n_vocab - 1;
    int lengths[K];
    for (int k = 0; k < K; k++) {
        const int ids[] = {end - 1, 5, 7, 20 + k, 9 + 2 * k};
        lengths[k] = 5 + k % 2;
        memcpy(symbols[k], ids, sizeof ids);
        symbols[k][lengths[k] - 1] = end;
        prompts[k] = symbols[k];
    }
    assert_int_equal(token_tree_build(&b->tree, prompts, lengths, K, b->arena, NULL), 0);
}

/* The matrices of the start, as the script has them. */
static int start_low_rank(const LowRank *l, int n) {
    for (int layer = 0; layer < l->config.end; layer++)
        for (int which = 0; which < 3; which++, n++) {
            float *A;
            assert_true(low_rank_matrices(l, layer, which, &A, NULL));
            waves(A, (size_t)l->config.rank * (size_t)l->width, 0.1 + n, 0.77, 1 / sqrt(l->width));
        }
    return n;
}

static void open_bench(Bench *b, const char *weights, TunerConfig *config) {
    Error err = {0};
    *b = (Bench){.arena = arena_create(), .pool = pool_create(2)};
    b->frozen = tower_open(weights, CLIP_BOTH);
    b->clip = trainable_clip_open(weights, CLIP_ACTIVATION_QUICK_GELU, 0, PRECISION_FLOAT32, b->pool, &err);
    if (!b->clip)
        fail_msg("%s", err.text);
    make_tree(b);
    if (config->part == TUNE_LOW_RANK) {
        config->image = (LowRankConfig){.rank = 2, .alpha = 1, .q = true, .k = true, .v = true};
        config->text = config->image;
        config->image.end = b->clip->image.n_layers;
        config->text.end = b->clip->text.n_layers;
    }
    const size_t pixels = 3 * (size_t)b->frozen->image_size * (size_t)b->frozen->image_size;
    const size_t E = (size_t)b->clip->embed_dim;
    float *text = arena_floats(b->arena, K, E);
    b->images = arena_floats(b->arena, N, pixels);
    waves(b->images, N * pixels, 0.3, 0.0371, 1);
    for (int i = 0; i < N; i++)
        b->labels[i] = i % K;
    TextTrainer *trainer = text_trainer_create(b->clip, b->pool, 0, &err);
    assert_non_null(trainer);
    assert_int_equal(text_trainer_forward(trainer, text, &b->tree, PASS_TEST, &err), 0);
    text_trainer_free(trainer);
    unit_rows_forward(text, NULL, text, K, (int)E);
    const TunedTexts texts = {&b->tree, 1, text, K};
    b->tuner = tuner_create(b->clip, b->frozen, config, &texts, b->pool, &err);
    if (!b->tuner)
        fail_msg("%s", err.text);
    if (config->part == TUNE_LOW_RANK)
        start_low_rank(tuner_low_rank(b->tuner, false), start_low_rank(tuner_low_rank(b->tuner, true), 0));
}

static void close_bench(Bench *b) {
    tuner_free(b->tuner);
    trainable_clip_free(b->clip);
    clip_free(b->frozen);
    pool_free(b->pool);
    arena_free(b->arena);
}

static void take_steps(Bench *b, const TunerConfig *config, float losses[STEPS]) {
    const Trainee *trainee = tuner_trainee(b->tuner);
    const size_t n = trainee->n_parameters;
    const size_t pixels = 3 * (size_t)b->frozen->image_size * (size_t)b->frozen->image_size;
    const bool low_rank = config->part == TUNE_LOW_RANK;
    Optimizer optimizer = low_rank ? optimizer_adamw(n, 0.9, 0.999, 1e-8, 1e-2, b->arena)
                                   : optimizer_sgd(n, 0.9, 5e-4, b->arena);
    float logits[B * K];
    for (int step = 0; step < STEPS; step++) {
        const int first = step % 2 * B;
        losses[step] = (float)trainee->loss(trainee->model, b->images + (size_t)first * pixels,
                                            b->labels + first, B, logits, trainee->gradient, NULL);
        optimizer_step(&optimizer, trainee->parameters, trainee->gradient, 2e-3, step + 1, b->pool);
    }
}

static void final_logits(Bench *b, float logits[N * K]) {
    Error err = {0};
    const int E = b->clip->embed_dim;
    float *text = arena_floats(b->arena, K, (size_t)E), *features = arena_floats(b->arena, N, (size_t)E);
    assert_int_equal(tuner_texts(b->tuner, text, &err), 0);
    ImageTrainer *trainer = image_trainer_create(b->clip, b->pool, N, 0, &err);
    assert_non_null(trainer);
    image_trainer_forward(trainer, features, b->images, N, PASS_TEST);
    image_trainer_free(trainer);
    unit_rows_forward(features, NULL, features, N, E);
    cosine_logits(b->pool, logits, features, text, N, K, E, b->frozen->logit_scale);
}

static void check_steps(const char *kind, const char *what, TunedPart part) {
    TunerConfig config = {.part = part, .batch_size = B};
    float losses[STEPS], logits[N * K];
    size_t n_losses, n_logits;
    char name[64];
    Bench b;
    snprintf(name, sizeof name, FIXTURES "clip_%s.safetensors", kind);
    open_bench(&b, name, &config);
    TensorFile *file = fixture_open(FIXTURES "train/tuned.safetensors");
    snprintf(name, sizeof name, "%s_%s.loss", kind, what);
    const float *want_losses = fixture_floats(file, name, b.arena, &n_losses);
    snprintf(name, sizeof name, "%s_%s.logits", kind, what);
    const float *want_logits = fixture_floats(file, name, b.arena, &n_logits);
    assert_true(n_losses == STEPS && n_logits == N * K);
    take_steps(&b, &config, losses);
    final_logits(&b, logits);
    assert_close("losses", losses, want_losses, STEPS, 1e-4);
    assert_close("logits", logits, want_logits, N * K, 1e-3);
    tensors_close(file);
    close_bench(&b);
}

static void test_image_encoder(void **state) {
    (void)state;
    check_steps("vit", "image", TUNE_IMAGE_ENCODER);
    check_steps("rn", "image", TUNE_IMAGE_ENCODER);
}

static void test_all(void **state) {
    (void)state;
    check_steps("vit", "all", TUNE_ALL);
}

static void test_low_rank(void **state) {
    (void)state;
    check_steps("vit", "lora", TUNE_LOW_RANK);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_encoder),
        cmocka_unit_test(test_all),
        cmocka_unit_test(test_low_rank),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
