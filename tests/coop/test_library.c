/* test_library.c: a prompt labels images through coop/ alone. The Makefile links this test with all of
 * libcoop.a and nothing of experiments/.
 */
#include "coop/labels.h"
#include "coop/loaded_model.h"
#include "coop/prompt_file.h"
#include "coop/zeroshot.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FIXTURES "tests/fixtures/"
#define WEIGHTS FIXTURES "clip_vit.safetensors"

enum { K = 3, N = 4 };
static const char *const NAMES[K] = {"ring", "key", "red fox"};
static const char *const IMAGES[N] = {FIXTURES "images/shape00/0000.jpg", FIXTURES "images/shape01/0000.jpg",
                                      FIXTURES "images/shape00/0001.jpg", FIXTURES "images/shape01/0001.jpg"};

/* Hand-written prompts in the place of learned ones, as a prompt file. */
static void write_prompt(const char *path, float *text, Arena *arena) {
    static const char *const templates[] = {"a photo of a {}."};
    Error err = {0};
    LoadedModel model;
    const LoadedModelOptions options = {.towers = CLIP_BOTH | CLIP_DIGEST, .vocab = FIXTURES "merges.txt.gz"};
    assert_int_equal(loaded_model_open(&model, WEIGHTS, &options, &err), 0);
    assert_int_equal(
        zeroshot_features(text, model.clip, model.tokenizer, model.pool, templates, 1, NAMES, K, &err), 0);
    const int width = model.clip->text.width;
    Prompt prompt = {.n_classes = K,
                     .n_ctx = 1,
                     .width = width,
                     .embed_dim = model.clip->embed_dim,
                     .class_names = (const char **)NAMES,
                     .ctx = arena_floats(arena, 1, (size_t)width),
                     .text_features = text,
                     .logit_scale = model.clip->logit_scale,
                     .backbone = model.clip->name,
                     .backbone_digest = clip_digest(model.clip),
                     .vocab_digest = tokenizer_digest(model.tokenizer),
                     .dataset = "rings",
                     .checkpoint = WEIGHTS,
                     .image_size = model.clip->image_size};
    memcpy(prompt.mean, model.clip->mean, sizeof prompt.mean);
    memcpy(prompt.std, model.clip->std, sizeof prompt.std);
    assert_int_equal(prompt_write(path, &prompt, &err), 0);
    loaded_model_close(&model);
}

/* The class of the largest cosine, in double. */
static int nearest_class(const float *image, const float *text, int E) {
    double best = -INFINITY;
    int label = -1;
    for (int k = 0; k < K; k++) {
        double sum = 0;
        for (int e = 0; e < E; e++)
            sum += (double)image[e] * text[k * E + e];
        label = sum > best ? k : label;
        best = sum > best ? sum : best;
    }
    return label;
}

static void a_prompt_labels_images(void **state) {
    (void)state;
    char path[] = "/tmp/coop_library_XXXXXX";
    close(mkstemp(path));
    Error err = {0};
    Arena *arena = arena_create();
    float *text = arena_floats(arena, K, 4096);
    write_prompt(path, text, arena);

    Prompt prompt;
    LoadedModel model;
    const LoadedModelOptions options = {.towers = CLIP_IMAGE | CLIP_DIGEST | loaded_model_few(N)};
    assert_int_equal(prompt_read(&prompt, path, arena, &err), 0);
    const char *weights = loaded_model_prompt_weights(&prompt, path, NULL, &err);
    assert_string_equal(weights, WEIGHTS);
    assert_int_equal(loaded_model_open(&model, weights, &options, &err), 0);
    assert_int_equal(prompt_check_model(&prompt, path, model.clip, &err), 0);
    const int E = prompt.embed_dim;
    float *features = arena_floats(arena, N, (size_t)E), *logits = arena_floats(arena, N, K);
    assert_int_equal(loaded_model_encode(&model, features, NULL, IMAGES, N, true, NULL, NULL, NULL, &err), 0);
    cosine_logits(model.pool, logits, features, prompt.text_features, N, K, E, prompt.logit_scale);
    for (int i = 0; i < N; i++) {
        Label labels[K];
        labels_rank(labels, logits + i * K, K);
        assert_int_equal(labels[0].label, nearest_class(features + i * E, text, E));
        assert_true(fabs(labels[0].probability + labels[1].probability + labels[2].probability - 1) < 1e-12);
    }
    assert_int_equal(loaded_model_encode(&model, features, NULL, (const char *[]){"tests/none.jpg"}, 1, true,
                                         NULL, NULL, NULL, &err),
                     -1);
    assert_non_null(strstr(err.text, "tests/none.jpg"));
    loaded_model_close(&model);
    arena_free(arena);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_prompt_labels_images)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
