/* test_encode.c: more images than a batch holds, bad ones among them at random: each feature where its image
 * is, with the bits that it has alone. */
#include "coop/library/encode.h"

#include "clip/base/random.h"
#include "tests/coop/library/learned_files.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 150, KINDS = 4 };
static const char *const IMAGES[KINDS] = {FIXTURES "images/shape00/0000.jpg",
                                          FIXTURES "images/shape01/0000.jpg",
                                          FIXTURES "images/shape02/0000.jpg", "none.jpg"};

static void test_batches(void **state) {
    (void)state;
    coop_options options;
    coop_error error, bad[N];
    coop_model *model;
    coop_image images[N];
    int kinds[N], n_bad = 0;
    Rng rng;
    Error err = {0};
    coop_options_init(&options, sizeof options);
    options.towers = COOP_IMAGES;
    options.threads = 3;
    assert_int_equal(coop_model_open(&model, LEARNED_WEIGHTS, &options, &error), COOP_OK);
    assert_true(loaded_model_source(model->loaded).max_batch < N);
    const size_t E = (size_t)coop_model_width(model);
    float *alone = calloc(KINDS * E, sizeof *alone), *features = malloc(N * E * sizeof *features);
    for (int k = 0; k + 1 < KINDS; k++) {
        const coop_image image = coop_image_file(IMAGES[k]);
        assert_int_equal(encode_images(model, alone + (size_t)k * E, &image, 1, NULL, &err), 0);
    }
    rng_seed(&rng, (uint32_t[]){4}, 1);
    for (int i = 0; i < N; i++) {
        kinds[i] = (int)rng_below(&rng, KINDS);
        n_bad += kinds[i] == KINDS - 1;
        images[i] = coop_image_file(IMAGES[kinds[i]]);
    }
    memset(features, 1, N * E * sizeof *features);
    assert_int_equal(encode_images(model, features, images, N, bad, &err), -1);
    assert_int_equal(err.kind, ERROR_PARTLY);
    assert_int_equal(atoi(err.text), n_bad);
    for (int i = 0; i < N; i++) {
        assert_memory_equal(features + (size_t)i * E, alone + (size_t)kinds[i] * E, E * sizeof *features);
        assert_int_equal(bad[i].code, kinds[i] == KINDS - 1 ? COOP_INPUT : COOP_OK);
    }
    assert_int_equal(encode_images(model, features, images, 0, NULL, &err), 0);
    free(features);
    free(alone);
    coop_model_close(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_batches)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
