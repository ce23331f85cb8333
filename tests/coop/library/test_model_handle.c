/* test_model_handle.c: features from coop.h are those of the towers, of unit length where asked for; what a
 * model lacks is said. */
#include "coop/coop.h"

#include "clip/base/files.h"
#include "coop/loaded_model.h"
#include "coop/zeroshot.h"
#include "tests/coop/library/learned_files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 3, MOST = 512 };
static const char *const IMAGES[N] = {FIXTURES "images/shape00/0000.jpg", FIXTURES "images/shape01/0000.jpg",
                                      FIXTURES "images/shape00/0001.jpg"};
static const char *const TEXTS[N] = {"a ring", "", "a red fox in the snow"};

static coop_model *open_model(coop_towers towers) {
    coop_options options;
    coop_error error;
    coop_model *model;
    coop_options_init(&options, sizeof options);
    options.vocabulary = LEARNED_VOCAB;
    options.towers = towers;
    if (coop_model_open(&model, LEARNED_WEIGHTS, &options, &error) != COOP_OK)
        fail_msg("%s", error.message);
    assert_true(coop_model_width(model) <= MOST);
    return model;
}

static void refuse(int code, coop_code expected, const coop_error *error, const char *part) {
    if (code != (int)expected || error->code != expected || !strstr(error->message, part))
        fail_msg("code %d: %s", code, error->message);
}

static void assert_unit(const float *unit, const float *plain, int E) {
    for (int i = 0; i < N; i++) {
        double square = 0, product = 0, length = 0;
        for (int e = 0; e < E; e++) {
            square += (double)unit[i * E + e] * unit[i * E + e];
            product += (double)unit[i * E + e] * plain[i * E + e];
            length += (double)plain[i * E + e] * plain[i * E + e];
        }
        assert_true(fabs(square - 1) < 1e-5 && fabs(product / sqrt(length) - 1) < 1e-5);
    }
}

static void test_features(void **state) {
    (void)state;
    Error err = {0};
    LoadedModel below;
    const LoadedModelOptions options = {.towers = CLIP_BOTH, .vocab = LEARNED_VOCAB};
    assert_int_equal(loaded_model_open(&below, LEARNED_WEIGHTS, &options, &err), 0);
    static float expected[N * MOST], plain[N * MOST], unit[N * MOST];
    coop_model *model = open_model(COOP_BOTH);
    const int E = coop_model_width(model);
    coop_image images[N];
    for (int i = 0; i < N; i++)
        images[i] = coop_image_file(IMAGES[i]);
    assert_string_equal(coop_model_name(model), below.name);
    assert_int_equal(coop_model_image_size(model), below.clip->image_size);
    assert_int_equal(loaded_model_encode(&below, expected, NULL, IMAGES, N, false, NULL, NULL, NULL, &err),
                     0);
    assert_int_equal(coop_encode_images(model, plain, images, N, 0, NULL, NULL), COOP_OK);
    assert_memory_equal(plain, expected, (size_t)(N * E) * sizeof *plain);
    assert_int_equal(coop_encode_images(model, unit, images, N, COOP_UNIT, NULL, NULL), COOP_OK);
    assert_unit(unit, plain, E);
    assert_int_equal(
        encode_texts(expected, NULL, NULL, below.clip, below.tokenizer, below.pool, TEXTS, N, NULL, &err), 0);
    assert_int_equal(coop_encode_texts(model, plain, TEXTS, N, 0, NULL), COOP_OK);
    assert_memory_equal(plain, expected, (size_t)(N * E) * sizeof *plain);
    assert_int_equal(coop_encode_texts(model, unit, TEXTS, N, COOP_UNIT, NULL), COOP_OK);
    assert_unit(unit, plain, E);
    assert_int_equal(coop_encode_texts(model, NULL, NULL, 0, 0, NULL), COOP_OK);
    coop_model_close(model);
    loaded_model_close(&below);
}

/* The feature of an image that failed is zero. */
static void test_bad_image(void **state) {
    (void)state;
    static float features[2 * MOST];
    coop_error error, errors[2];
    coop_model *model = open_model(COOP_IMAGES);
    const int E = coop_model_width(model);
    const coop_image images[] = {coop_image_file("none.jpg"), coop_image_file(IMAGES[0])};
    memset(features, 1, sizeof features);
    refuse(coop_encode_images(model, features, images, 2, COOP_UNIT, errors, &error), COOP_PARTLY, &error,
           "1 of 2");
    for (int e = 0; e < E; e++)
        assert_true(features[e] == 0);
    assert_true(features[E] != 0);
    assert_int_equal(errors[0].code, COOP_INPUT);
    assert_int_equal(errors[1].code, COOP_OK);
    refuse(coop_encode_texts(model, features, TEXTS, 1, 0, &error), COOP_USAGE, &error, "text tower");
    coop_model_close(model);
}

static void test_texts(void **state) {
    (void)state;
    static float features[MOST];
    coop_error error;
    coop_model *model = open_model(COOP_TEXTS);
    char text[4000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 2 ? ' ' : 'q';
    text[sizeof text - 1] = '\0';
    const char *const list[] = {text}, *const none[] = {NULL};
    refuse(coop_encode_texts(model, features, list, 1, 0, &error), COOP_INPUT, &error, "tokens");
    assert_int_equal(coop_encode_texts(model, features, list, 1, COOP_CUT, &error), COOP_OK);
    refuse(coop_encode_texts(model, features, none, 1, 0, &error), COOP_USAGE, &error, "text 0 is NULL");
    refuse(coop_encode_texts(model, features, TEXTS, 1, 4, &error), COOP_USAGE, &error, "flags 4");
    refuse(coop_encode_texts(model, features, TEXTS, -1, 0, &error), COOP_USAGE, &error, "-1 rows");
    const coop_image image = coop_image_file(IMAGES[0]);
    refuse(coop_encode_images(model, features, &image, 1, 0, NULL, &error), COOP_USAGE, &error,
           "image tower");
    coop_model_close(model);
}

static void test_wrong_arguments(void **state) {
    (void)state;
    coop_error error;
    coop_model *model = (coop_model *)&error;
    assert_int_equal(coop_model_open(NULL, "x", NULL, NULL), COOP_USAGE);
    refuse(coop_model_open(&model, NULL, NULL, &error), COOP_USAGE, &error, "a path");
    assert_null(model);
    refuse(coop_model_open(&model, "none.safetensors", NULL, &error), COOP_INPUT, &error,
           "none.safetensors: ");
    assert_null(model);
    refuse(coop_encode_texts(NULL, NULL, NULL, 0, 0, &error), COOP_USAGE, &error, "a model");
    coop_model_close(NULL);
    assert_null(coop_model_name(NULL));
    assert_null(coop_model_note(NULL));
}

/* A checkpoint that another program keeps, by its name; one that is not here names what fetches it. */
static void test_name(void **state) {
    Arena *arena = arena_create();
    const char *snapshot = arena_printf(
        arena, "%s/models--timm--vit_base_patch32_clip_224.openai/snapshots/1", (const char *)*state);
    coop_options options;
    coop_error error;
    coop_model *model;
    coop_options_init(&options, sizeof options);
    options.vocabulary = LEARNED_VOCAB;
    setenv("HF_HUB_CACHE", *state, 1);
    setenv("HOME", *state, 1);
    refuse(coop_model_open(&model, "ViT-B-32:openai", &options, &error), COOP_INPUT, &error,
           "this fetches it: coop models get ViT-B-32:openai");
    assert_int_equal(make_folders(snapshot, NULL), 0);
    char *weights = realpath(LEARNED_WEIGHTS, NULL);
    assert_int_equal(symlink(weights, arena_printf(arena, "%s/open_clip_model.safetensors", snapshot)), 0);
    free(weights);
    if (coop_model_open(&model, "ViT-B-32:openai", &options, &error) != COOP_OK)
        fail_msg("%s", error.message);
    assert_null(coop_model_note(model)); /* nothing is assumed: the name says it */
    coop_model_close(model);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_name, scratch_setup, scratch_teardown),
        cmocka_unit_test(test_features), cmocka_unit_test(test_bad_image), cmocka_unit_test(test_texts),
        cmocka_unit_test(test_wrong_arguments)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
