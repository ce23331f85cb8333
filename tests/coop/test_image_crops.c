/* test_image_crops.c: a batch that was decoded ahead is the one that is decoded when it is asked for, and is
 * not taken for another. */
#include "coop/image_crops.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, B = 3 };

typedef struct {
    LoadedModel model;
    Item items[N];
    ItemList list;
    ImageCrops crops;
    size_t size; /* of an image */
} Bench;

static int setup(void **state) {
    static const char *const paths[N] = {FIXTURES "images/shape00/0000.jpg",
                                         FIXTURES "images/shape01/0001.jpg",
                                         FIXTURES "images/shape02/0002.jpg", FIXTURES "none.jpg"};
    const LoadedModelOptions options = {.towers = CLIP_IMAGE, .n_threads = 2};
    Error err = {0};
    Bench *b = calloc(1, sizeof *b);
    if (!b || loaded_model_open(&b->model, FIXTURES "clip_vit.safetensors", &options, &err) < 0)
        return -1;
    for (int i = 0; i < N; i++)
        b->items[i].path = paths[i];
    b->list = (ItemList){.items = b->items, .n = N};
    b->crops = (ImageCrops){.model = &b->model, .items = &b->list, .seed = 3, .random = true};
    b->size = (size_t)image_crops_size(&b->crops);
    *state = b;
    return 0;
}

static int teardown(void **state) {
    Bench *b = *state;
    image_crops_close(&b->crops);
    loaded_model_close(&b->model);
    free(b);
    return 0;
}

/* Owned by the caller. */
static float *load(Bench *b, const int *items, int n, int epoch) {
    Error err = {0};
    float *images = calloc((size_t)n * b->size, sizeof *images);
    assert_non_null(images);
    if (image_crops_load(&b->crops, images, items, n, epoch, &err) < 0)
        fail_msg("%s", err.text);
    return images;
}

static void test_ahead(void **state) {
    Bench *b = *state;
    static const int items[B] = {2, 0, 1}, others[B] = {0, 2, 1};
    const size_t bytes = B * b->size * sizeof(float);
    float *want = load(b, items, B, 2);
    image_crops_prepare(&b->crops, items, B, 2);
    float *got = load(b, items, B, 2);
    assert_memory_equal(got, want, bytes);
    free(got);
    const struct {
        int items[B], n, epoch;
    } wrong[] = {{{0, 2, 1}, B, 2}, {{2, 0, 1}, B, 1}, {{2, 0}, 2, 2}, {{2, 0, 3}, B, 2}};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        image_crops_prepare(&b->crops, wrong[i].items, wrong[i].n, wrong[i].epoch);
        got = load(b, items, B, 2);
        assert_memory_equal(got, want, bytes);
        free(got);
    }
    got = load(b, others, B, 2);
    assert_memory_equal(got, want + b->size, b->size * sizeof(float)); /* item 0 */
    free(got);
    free(want);
}

/* What is wrong ahead is said when it is asked for. */
static void test_faults(void **state) {
    Bench *b = *state;
    static const int items[2] = {0, 3};
    Error err = {0};
    float *images = calloc(2 * b->size, sizeof *images);
    assert_non_null(images);
    for (int i = 0; i < 2; i++) {
        image_crops_prepare(&b->crops, items, 2, 1);
        assert_int_equal(image_crops_load(&b->crops, images, items, 2, 1, &err), -1);
        assert_non_null(strstr(err.text, "none.jpg"));
    }
    image_crops_prepare(&b->crops, items, 2, 1); /* and left alone */
    free(images);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_ahead, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_faults, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
