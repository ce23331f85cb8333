/* test_image_input.c: every form of an image gives the tower the same input as the feature cache; a file that
 * is cut, or is none, is an error, and no image ends the process. */
#include "coop/library/image_input.h"

#include "clip/base/files.h"
#include "datasets/images/image.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define PHOTO FIXTURES "images/shape00/0000.jpg"

enum { S = 16, PIXELS = 3 * S * S };
static const ImageShape SHAPE = {.transform = {.size = S}, .mean = {0.5f, 0.25f, 0}, .std = {1, 2, 0.5f}};

static int input(float *pixels, coop_image image, Error *err) {
    Arena *arena = arena_create();
    *err = (Error){0};
    const int result = image_input(pixels, &image, &SHAPE, arena, err);
    assert_int_equal(arena_used(arena), 0);
    arena_free(arena);
    return result;
}

static void test_forms(void **state) {
    (void)state;
    float expected[PIXELS], pixels[PIXELS];
    unsigned char square[PIXELS];
    Arena *arena = arena_create();
    Image image;
    FileMap map;
    Error err;
    assert_int_equal(image_load(&image, PHOTO, arena, &err), 0);
    assert_int_equal(transform_fit(square, &image, &SHAPE.transform, arena, &err), 0);
    transform_normalize(expected, square, S, SHAPE.mean, SHAPE.std);
    assert_int_equal(file_map(&map, PHOTO, &err), 0);
    const coop_image forms[] = {coop_image_file(PHOTO), coop_image_bytes(map.data, map.size),
                                coop_image_pixels(image.rgb, image.width, image.height)};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(input(pixels, forms[i], &err), 0);
        assert_memory_equal(pixels, expected, sizeof expected);
    }
    file_unmap(&map);
    arena_free(arena);
}

/* A square of the model's size is not cut again, though a photo of that size would be. */
static void test_prepared(void **state) {
    (void)state;
    unsigned char square[PIXELS];
    float expected[PIXELS], pixels[PIXELS];
    const ImageShape shape = {.transform = {.size = S, .resize = S + 4}, .std = {1, 1, 1}};
    Arena *arena = arena_create();
    for (int i = 0; i < PIXELS; i++)
        square[i] = (unsigned char)(i * 7);
    transform_normalize(expected, square, S, shape.mean, shape.std);
    const coop_image image = coop_image_pixels(square, S, S);
    assert_int_equal(image_input(pixels, &image, &shape, arena, NULL), 0);
    assert_memory_equal(pixels, expected, sizeof expected);
    arena_free(arena);
}

static void refuse(coop_image image, ErrorKind kind, const char *part) {
    float pixels[PIXELS];
    Error err;
    assert_int_equal(input(pixels, image, &err), -1);
    if (err.kind != kind || !strstr(err.text, part))
        fail_msg("%d: %s", err.kind, err.text);
}

static void test_refusals(void **state) {
    char path[512];
    static const unsigned char rgb[12];
    refuse(coop_image_file("none.jpg"), ERROR_INPUT, "none.jpg: cannot open");
    refuse(coop_image_file(FIXTURES), ERROR_INPUT, "cannot open");
    assert_int_equal(mkfifo(scratch_path(state, "pipe", path, sizeof path), 0600), 0);
    refuse(coop_image_file(path), ERROR_INPUT, "not a regular file");
    refuse(coop_image_file(NULL), ERROR_USAGE, "neither a path nor data");
    refuse(coop_image_bytes(NULL, 5), ERROR_INPUT, "image: ");
    refuse(coop_image_bytes("\xff\xd8\xff", 3), ERROR_INPUT, "image: ");
    refuse(coop_image_pixels(rgb, -2, 2), ERROR_USAGE, "-2 x 2");
    refuse(coop_image_pixels(rgb, 2, 0), ERROR_USAGE, "2 x 0");
    refuse(coop_image_pixels(rgb, 1 << 20, 1 << 20), ERROR_INPUT, "image: ");
    coop_image bad = coop_image_pixels(rgb, 2, 2);
    bad.stride = 5;
    refuse(bad, ERROR_USAGE, "stride of 5");
    bad = coop_image_pixels(rgb, 2, 2);
    bad.size = 11;
    bad.name = "camera";
    refuse(bad, ERROR_USAGE, "camera: 11 bytes");
    bad = coop_image_pixels(rgb, 2, 2);
    bad.reserved[1] = rgb;
    refuse(bad, ERROR_USAGE, "not made by");
}

/* Cut anywhere: an error, and never a SIGBUS. */
static void test_cut_files(void **state) {
    char path[512];
    FileMap map;
    float pixels[PIXELS];
    Error err;
    assert_int_equal(file_map(&map, PHOTO, &err), 0);
    scratch_path(state, "cut.jpg", path, sizeof path);
    for (size_t size = 0; size < map.size; size += 1 + map.size / 50) {
        scratch_file(path, map.data, size);
        assert_int_equal(input(pixels, coop_image_file(path), &err), -1);
        assert_memory_equal(err.text, path, strlen(path));
    }
    file_unmap(&map);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms), cmocka_unit_test(test_prepared),
        cmocka_unit_test_setup_teardown(test_refusals, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_cut_files, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
