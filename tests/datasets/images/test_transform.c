/* test_transform.c: crops against Pillow's bytes and against resizes, draws replayed. */
#include "datasets/images/transform.h"

#include "clip/tensors/tensors.h"
#include "clip/tensors/tensors_open.h"
#include "datasets/images/image.h"
#include "datasets/images/resize.h"
#include "tests/support/image_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

#define PILLOW "tests/fixtures/pillow/"

static void crops_are_pillows(void **state) {
    Error err = {0};
    TensorFile *file = tensors_open(PILLOW "expected.safetensors", &err);
    assert_non_null(file);
    int n_checked = 0;
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        const char *suffix = strstr(tensor->name, ".crop");
        if (!suffix)
            continue;
        char path[256];
        snprintf(path, sizeof path, PILLOW "%.*s", (int)(suffix - tensor->name), tensor->name);
        int n = atoi(suffix + 5);
        Image image;
        assert_int_equal(image_load(&image, path, *state, &err), 0);
        unsigned char *crop = arena_alloc(*state, (size_t)n * n, 3);
        assert_int_equal(transform_fit(crop, &image, &(Transform){.size = n}, *state, &err), 0);
        assert_int_equal(tensor->size, (size_t)n * n * 3);
        if (memcmp(crop, tensor->data, tensor->size) != 0)
            fail_msg("%s differs", tensor->name);
        n_checked++;
    }
    assert_int_equal(n_checked, 26);
    tensors_close(file);
}

/* "FILE FIT FILTER SIZE RESIZE FILL" */
static Transform read_transform(const char *name, char path[256]) {
    char file[128], fit[16], filter[16];
    int size, resize, fill;
    assert_int_equal(sscanf(name, "%127s %15s %15s %d %d %d", file, fit, filter, &size, &resize, &fill), 6);
    snprintf(path, 256, PILLOW "%s", file);
    return (Transform){.size = size,
                       .resize = resize,
                       .fit = strcmp(fit, "pad") == 0      ? FIT_PAD
                              : strcmp(fit, "squash") == 0 ? FIT_SQUASH
                                                           : FIT_CROP,
                       .filter = strcmp(filter, "bilinear") == 0 ? FILTER_BILINEAR : FILTER_BICUBIC,
                       .fill = (unsigned char)fill};
}

static void other_fits_are_pillows(void **state) {
    Error err = {0};
    TensorFile *file = tensors_open(PILLOW "transforms.safetensors", &err);
    assert_non_null(file);
    for (int i = 0; i < tensors_count(file); i++) {
        const Tensor *tensor = tensors_at(file, i);
        char path[256];
        Transform transform = read_transform(tensor->name, path);
        size_t size = (size_t)transform.size * transform.size * 3;
        Image image;
        assert_int_equal(image_load(&image, path, *state, &err), 0);
        unsigned char *out = arena_alloc(*state, size, 1);
        assert_int_equal(transform_fit(out, &image, &transform, *state, &err), 0);
        assert_int_equal(tensor->size, size);
        if (memcmp(out, tensor->data, size) != 0)
            fail_msg("%s differs", tensor->name);
    }
    assert_int_equal(tensors_count(file), 54);
    tensors_close(file);
}

/* CenterCrop's offset is Python's round() of the half: 1 -> 0, 3 -> 2, 5 -> 2. */
static void centre_crops_are_parts_of_the_resize(void **state) {
    for (int extra = 0; extra < 9; extra++) {
        Image in = random_image(40, 20 + extra, 5, *state);
        if (extra % 2)
            in.width = 20 + extra, in.height = 40;
        int n = 20, short_side = 20 + extra, size = n * 40 / short_side;
        int wide = in.width > in.height;
        CropBox whole = {0, 0, in.width, in.height};
        Image all;
        assert_int_equal(
            image_resize(&all, &in, whole, wide ? size : n, wide ? n : size, FILTER_BICUBIC, *state, NULL),
            0);
        unsigned char crop[20 * 20 * 3];
        assert_int_equal(transform_fit(crop, &in, &(Transform){.size = n}, *state, NULL), 0);
        int offset = (int)rint((size - n) / 2.0);
        for (int y = 0; y < n; y++) {
            size_t at = wide ? (size_t)y * size + offset : (size_t)(y + offset) * n;
            assert_memory_equal(crop + y * n * 3, all.rgb + at * 3, (size_t)n * 3);
        }
    }
}

static void elongated_images_are_refused(void **state) {
    Image in = {.width = 1, .height = 100000000};
    Error err = {0};
    unsigned char crop[3];
    assert_int_equal(transform_fit(crop, &in, &(Transform){.size = 224}, *state, &err), -1);
    assert_non_null(strstr(err.text, "too long"));
    const Transform padded = {.size = 224, .fit = FIT_PAD};
    assert_int_equal(transform_fit(crop, &in, &padded, *state, &err), -1);
    assert_string_equal(err.text, "resize: nothing is left of 1 x 100000000 pixels in a square of 224");
}

/* The documented draws of a box, done again. */
static CropBox replay_box(const Image *in, double low, double high, Rng *rng, bool *central) {
    CropBox box = {0};
    *central = true;
    for (int i = 0; i < 10 && *central; i++) {
        double area = (double)in->width * in->height * rng_uniform(rng, low, high);
        double aspect = exp(rng_uniform(rng, log(3.0 / 4), log(4.0 / 3)));
        box.width = (int)rint(sqrt(area * aspect));
        box.height = (int)rint(sqrt(area / aspect));
        if (box.width > 0 && box.height > 0 && box.width <= in->width && box.height <= in->height) {
            box.top = (int)rng_below(rng, (uint32_t)(in->height - box.height + 1));
            box.left = (int)rng_below(rng, (uint32_t)(in->width - box.width + 1));
            *central = false;
        }
    }
    return box;
}

static CropBox replay(const Image *in, Rng *rng, bool *flipped, bool *central) {
    CropBox box = replay_box(in, 0.08, 1, rng, central);
    *flipped = rng_double(rng) < 0.5;
    return box;
}

static void random_crops_follow_the_draws(void **state) {
    enum { N = 24 };
    int n_flipped = 0, n_central = 0;
    for (uint32_t view = 0; view < 60; view++) {
        Image in = view % 3 ? random_image(50, 37, view, *state) : random_image(7, 90, view, *state);
        ResizeFilter filter = view % 2 ? FILTER_BILINEAR : FILTER_BICUBIC;
        Rng rng, again;
        rng_stream(&rng, 1, STREAM_AUGMENT, 99, view);
        again = rng;
        unsigned char crop[N * N * 3];
        assert_int_equal(
            transform_random_crop(crop, &in, &(Transform){.size = N, .filter = filter}, &rng, *state, NULL),
            0);
        bool flipped, central;
        CropBox box = replay(&in, &again, &flipped, &central);
        if (central)
            box = (CropBox){0, 40, 7, 9}; /* 7 / (3/4) = 9.33 */
        assert_memory_equal(&rng, &again, sizeof rng);
        n_flipped += flipped;
        n_central += central;
        Image expected;
        assert_int_equal(image_resize(&expected, &in, box, N, N, filter, *state, NULL), 0);
        for (int i = 0; i < N * N; i++) {
            int x = flipped ? N - 1 - i % N : i % N;
            assert_memory_equal(crop + 3 * i, expected.rgb + 3 * (i / N * N + x), 3);
        }
    }
    assert_in_range(n_flipped, 15, 45);
    assert_in_range(n_central, 1, 20);
}

static void scaled_crops_keep_to_their_scale(void **state) {
    enum { N = 24 };
    static const double scale[2] = {0.9, 1.0};
    int n_central = 0;
    for (uint32_t view = 0; view < 40; view++) {
        Image in = view % 4 ? random_image(50, 45, view, *state) : random_image(60, 37, view, *state);
        Rng rng, again;
        rng_stream(&rng, 1, STREAM_AUGMENT, 99, view);
        again = rng;
        unsigned char crop[N * N * 3];
        assert_int_equal(transform_scaled_crop(crop, &in, &(Transform){.size = N}, scale, &rng, *state, NULL),
                         0);
        bool central;
        CropBox box = replay_box(&in, scale[0], scale[1], &again, &central);
        if (central && view % 4)
            box = (CropBox){0, 0, 50, 45};
        else if (central)
            box = (CropBox){5, 0, 49, 37};             /* 37 * 4 / 3 = 49.33; (60 - 49) / 2 = 5 */
        assert_memory_equal(&rng, &again, sizeof rng); /* nothing is drawn for a flip */
        n_central += central;
        Image expected;
        assert_int_equal(image_resize(&expected, &in, box, N, N, FILTER_BICUBIC, *state, NULL), 0);
        assert_memory_equal(crop, expected.rgb, sizeof crop);
        assert_true(central || (double)box.width * box.height > 0.87 * in.width * in.height);
    }
    assert_in_range(n_central, 1, 39);
}

static void random_crops_take_whole_images(void **state) {
    Image in = random_image(1, 1, 3, *state);
    Rng rng;
    rng_seed(&rng, (uint32_t[]){4}, 1);
    for (int i = 0; i < 20; i++) {
        unsigned char crop[4 * 4 * 3];
        assert_int_equal(transform_random_crop(crop, &in, &(Transform){.size = 4}, &rng, *state, NULL), 0);
        for (int k = 0; k < 16; k++)
            assert_memory_equal(crop + 3 * k, in.rgb, 3);
    }
}

static void normalize_is_planar(void **state) {
    (void)state;
    unsigned char rgb[16 * 16 * 3];
    float out[3 * 16 * 16];
    for (int i = 0; i < 16 * 16 * 3; i++)
        rgb[i] = (unsigned char)(i / 3 + 7 * (i % 3));
    const float mean[3] = {0.48145466f, 0.4578275f, 0.40821073f},
                std[3] = {0.26862954f, 0.26130258f, 0.27577711f};
    transform_normalize(out, rgb, 16, mean, std);
    for (int i = 0; i < 16 * 16; i++) {
        for (int c = 0; c < 3; c++) {
            volatile float v = (float)rgb[3 * i + c] / 255.0f;
            volatile float centred = v - mean[c];
            float expected = centred / std[c];
            assert_memory_equal(&out[c * 256 + i], &expected, sizeof expected);
        }
    }
    assert_true(out[0] < -1.79f && out[0] > -1.80f);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(crops_are_pillows),
        ARENA_TEST(other_fits_are_pillows),
        ARENA_TEST(centre_crops_are_parts_of_the_resize),
        ARENA_TEST(elongated_images_are_refused),
        ARENA_TEST(random_crops_follow_the_draws),
        ARENA_TEST(scaled_crops_keep_to_their_scale),
        ARENA_TEST(random_crops_take_whole_images),
        cmocka_unit_test(normalize_is_planar),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
