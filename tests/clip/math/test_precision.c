/* bfloat16 for whole models: features near those of float, gradients that point the same way, a training that
 * takes the same course; and the same bits with any number of threads. */
#include "clip/image/image_tower.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/precision.h"

#include "tests/support/learner_support.h"
#include "tests/support/support.h"
#include "tests/support/tower_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The golden ViT, in bfloat16; NULL, and said so, where this processor has none. */
static Clip *open_bf16(const char *path, ClipTowers towers) {
    if (bf16_best_kernel() == BF16_NONE) {
        printf("not tested: this processor has neither AMX nor AVX-512 BF16\n");
        return NULL;
    }
    Error err = {0};
    Clip *clip = clip_open_with(path, &(ClipOptions){.towers = towers, .precision = PRECISION_AUTO}, &err);
    if (!clip)
        fail_msg("%s", err.text);
    assert_int_equal(clip->precision, PRECISION_BFLOAT16);
    return clip;
}

static void images_keep_their_features(void **state) {
    (void)state;
    const char *paths[] = {FIXTURES "clip_vit.safetensors", FIXTURES "clip_rn.safetensors"};
    for (int m = 0; m < 2; m++) {
        Clip *clip = open_bf16(paths[m], CLIP_IMAGE);
        if (!clip)
            return;
        enum { N = 5 };
        Arena *arena = arena_create();
        Pool *pool = pool_create(2);
        Clip *reference = tower_open(paths[m], CLIP_IMAGE);
        const size_t size = 3 * (size_t)clip->image_size * (size_t)clip->image_size,
                     E = (size_t)clip->embed_dim;
        float *pixels = arena_floats(arena, N, size), *want = arena_floats(arena, N, E);
        float *got = arena_floats(arena, N, E);
        fill_normal(pixels, N * size, 1, 3);
        assert_int_equal(image_tower_forward(reference, pool, pixels, N, want, NULL), 0);
        assert_int_equal(image_tower_forward(clip, pool, pixels, N, got, NULL), 0);
        assert_close("features", got, want, N * E, 1e-2);
        assert_true(relative_error(got, want, N * E) > 1e-4); /* it was another precision */
        tower_check_independence(clip, N);
        clip_free(reference);
        clip_free(clip);
        pool_free(pool);
        arena_free(arena);
    }
}

/* The contexts' gradient at the start, and text features. */
static void gradients_keep_their_direction(void **state) {
    Bench *bench = *state;
    Clip *reference = bench->clip, *clip = open_bf16(FIXTURES "clip_vit.safetensors", CLIP_TEXT);
    if (!clip)
        return;
    for (int csc = 0; csc < 2; csc++) {
        float *features[2], *gradients[2], logits[BENCH_ITEMS * BENCH_CLASSES];
        double losses[2];
        size_t n = 0, n_features = BENCH_CLASSES * (size_t)clip->embed_dim;
        for (int i = 0; i < 2; i++) {
            bench->clip = i == 0 ? reference : clip;
            PromptLearner *learner = bench_learner(bench, csc, 1);
            n = learner_ctx_size(learner);
            features[i] = arena_floats(bench->arena, n_features, 1);
            gradients[i] = arena_floats(bench->arena, n, 1);
            learner_text_features(learner, features[i]);
            losses[i] = learner_loss(learner, bench->data.features, bench->data.labels, BENCH_ITEMS, logits,
                                     gradients[i], NULL);
            learner_free(learner);
        }
        bench->clip = reference;
        assert_close("text features", features[1], features[0], n_features, 1e-2);
        assert_close("gradient", gradients[1], gradients[0], n, 4e-2);
        assert_true(fabs(losses[1] - losses[0]) < 1e-2 * losses[0]);
    }
    clip_free(clip);
}

/* The contexts after the bench's epochs. */
static float *train(Bench *bench, Clip *clip, int threads) {
    Clip *own_clip = bench->clip;
    Pool *own_pool = bench->pool;
    Error err = {0};
    bench->clip = clip;
    bench->pool = pool_create(threads);
    PromptLearner *learner = bench_learner(bench, false, 1);
    TrainState state = bench_state(bench, learner);
    const size_t n = learner_ctx_size(learner);
    float *contexts = arena_floats(bench->arena, n, 1);
    if (trainer_run(learner_trainee(learner), &bench->data, &bench->optim, &state, NULL, NULL, NULL, &err) !=
        0)
        fail_msg("%s", err.text);
    memcpy(contexts, learner_ctx(learner), n * sizeof *contexts);
    learner_free(learner);
    pool_free(bench->pool);
    bench->pool = own_pool;
    bench->clip = own_clip;
    return contexts;
}

static void training_takes_the_same_course(void **state) {
    Bench *bench = *state;
    Clip *clip = open_bf16(FIXTURES "clip_vit.safetensors", CLIP_TEXT);
    if (!clip)
        return;
    const size_t n = 3 * (size_t)clip->text.width;
    PromptLearner *learner = bench_learner(bench, false, 1);
    float *start = learner_ctx(learner);
    float *way = train(bench, bench->clip, 2), *way_16 = train(bench, clip, 2);
    const float *alone = train(bench, clip, 1), *five = train(bench, clip, 5);
    assert_memory_equal(alone, way_16, n * sizeof *way_16);
    assert_memory_equal(five, way_16, n * sizeof *way_16);
    for (size_t i = 0; i < n; i++) {
        way[i] -= start[i];
        way_16[i] -= start[i];
    }
    assert_close("way of the contexts", way_16, way, n, 5e-2);
    learner_free(learner);
    clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_keep_their_features),
        cmocka_unit_test_setup_teardown(gradients_keep_their_direction, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(training_takes_the_same_course, bench_setup, bench_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
