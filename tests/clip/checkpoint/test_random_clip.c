/* test_random_clip.c: models of random weights: they have the shapes they say, are reproducible, and carry
 * activations through all layers without growing or dying out. */
#include "clip/checkpoint/random_clip.h"

#include "clip/image/image_tower.h"
#include "clip/text/text_encoder.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static Clip *open_random(const char *name, ClipTowers towers, uint32_t seed) {
    Error err = {0};
    const Architecture *architecture = architecture_find(name);
    assert_non_null(architecture);
    Clip *clip = clip_random(architecture, towers, PRECISION_FLOAT32, seed, &err);
    if (!clip)
        fail_msg("%s", err.text);
    assert_string_equal(clip->name, name);
    assert_int_equal(clip->image_size, architecture->image_size);
    assert_int_equal(clip->embed_dim, architecture->embed_dim);
    assert_int_equal(clip->image, architecture->resnet_width ? IMAGE_TOWER_RESNET : IMAGE_TOWER_VIT);
    return clip;
}

/* Numbers of an ordinary size, which differ. */
static void check_features(const float *features, int n) {
    double square = 0, sum = 0;
    for (int i = 0; i < n; i++) {
        assert_true(isfinite(features[i]));
        square += (double)features[i] * features[i] / n;
        sum += (double)features[i] / n;
    }
    double deviation = sqrt(square - sum * sum);
    if (!(deviation > 0.01 && deviation < 100))
        fail_msg("features deviate by %g", deviation);
}

static void check_image_tower(const char *name) {
    Error err = {0};
    Clip *clip = open_random(name, CLIP_IMAGE, 3);
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    assert_int_equal(clip->text.width, 0); /* not asked for */
    size_t size = 3 * (size_t)clip->image_size * (size_t)clip->image_size;
    float *pixels = arena_floats(arena, size, 1), *features = arena_floats(arena, (size_t)clip->embed_dim, 1);
    fill_normal(pixels, size, 1, 1);
    assert_int_equal(image_tower_forward(clip, pool, pixels, 1, features, &err), 0);
    check_features(features, clip->embed_dim);
    pool_free(pool);
    arena_free(arena);
    clip_free(clip);
}

static void test_image_towers(void **state) {
    (void)state;
    if (scratch_instrumented()) {
        print_message("some hundred million weights take too long under a checker\n");
        skip();
    }
    check_image_tower("ViT-B/32");
    check_image_tower("RN50");
}

static void encode_chain(float *features, const TextWeights *w, Arena *arena) {
    Error err = {0};
    Pool *pool = pool_create(2);
    const int prompt[] = {1, 5, 3, 9};
    TokenTree tree;
    assert_int_equal(token_tree_build(&tree, (const int *[]){prompt}, (int[]){4}, 1, arena, &err), 0);
    TextEncoder *encoder = text_encoder_create(w, &tree, pool, false, 0, &err);
    assert_non_null(encoder);
    text_encoder_forward(encoder, features, NULL);
    text_encoder_free(encoder);
    pool_free(pool);
}

static void test_text_tower(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const int widths[] = {16, 64, 192}, heads[] = {1, 1, 3};
    for (int i = 0; i < 3; i++) {
        TextWeights w = text_random(widths[i], 12, 20, 32, 7, arena);
        assert_false(arena_failed(arena));
        assert_int_equal(w.n_heads, heads[i]);
        assert_int_equal(w.n_positions, ARCHITECTURE_POSITIONS);
        float features[32];
        encode_chain(features, &w, arena);
        check_features(features, 32);
    }
    arena_free(arena);
}

/* The seed decides all, and no weight equals another. */
static void test_seeds(void **state) {
    (void)state;
    Arena *arena = arena_create();
    TextWeights a = text_random(64, 2, 20, 32, 7, arena), b = text_random(64, 2, 20, 32, 7, arena);
    TextWeights other = text_random(64, 2, 20, 32, 8, arena);
    size_t size = 64 * 64 * sizeof(float);
    assert_memory_equal(a.blocks[1].out_proj_w, b.blocks[1].out_proj_w, size);
    assert_memory_equal(a.text_projection, b.text_projection, 64 * 32 * sizeof(float));
    assert_memory_not_equal(a.blocks[1].out_proj_w, other.blocks[1].out_proj_w, size);
    assert_memory_not_equal(a.blocks[1].out_proj_w, a.blocks[0].out_proj_w, size);
    assert_memory_not_equal(a.blocks[0].in_proj_w, a.blocks[0].in_proj_w + 64, 64 * sizeof(float));
    arena_free(arena);
}

static void test_towers(void **state) {
    (void)state;
    Clip *clip = open_random("RN50", CLIP_TEXT, 1);
    assert_int_equal(clip->text.width, 512);
    assert_int_equal(clip->text.n_vocab, ARCHITECTURE_VOCABULARY);
    assert_int_equal(clip->text.embed_dim, 1024);
    assert_null(clip->resnet.stem[0].w);
    clip_free(clip);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_image_towers),
        cmocka_unit_test(test_text_tower),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_towers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
