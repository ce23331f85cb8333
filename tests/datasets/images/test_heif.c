/* test_heif.c: HEIC and AVIF files against the pixels of pillow_heif and Pillow, and broken ones. */
#include "datasets/images/image.h"

#include "tests/support/picture_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#ifdef HAVE_HEIF
/* A PNG of the same name has what others read: pillow_heif 1.8 of HEIC, Pillow 13.0 of AVIF, turned upright.
 */
static const char *const files[] = {"photo.heic", "full.heic",    "alpha.heic",
                                    "full.avif",  "turned6.avif", "turned7.avif"};
enum { N_FILES = sizeof files / sizeof *files, LEVELS = 3 };

/* valgrind 3.19 ends by a fault of its own in the assembly of dav1d, which decodes AVIF. */
static bool is_read_here(const char *file) {
#ifdef NO_FUSED
    return !strstr(file, ".avif");
#else
    (void)file;
    return true;
#endif
}

/* False where this libheif has no decoder for it. */
static bool decode(Image *image, const char *file, Arena *arena) {
    Bytes bytes = picture_read(file);
    Error err = {0};
    bool good = image_decode(image, bytes.data, bytes.size, file, arena, &err) == 0;
    if (!good && !strstr(err.text, "this libheif does not read it"))
        fail_msg("%s", err.text);
    if (good)
        assert_int_equal(image_check(bytes.data, bytes.size, file, arena, NULL), 0);
    free(bytes.data);
    return good;
}

/* Versions of the libraries round differently. */
static void pixels_are_others(void **state) {
    int n_read = 0;
    for (int f = 0; f < N_FILES; f++) {
        char path[256];
        Image image, expected;
        if (!is_read_here(files[f]) || !decode(&image, files[f], *state))
            continue;
        n_read++;
        snprintf(path, sizeof path, PICTURES "%s.png", files[f]);
        assert_int_equal(image_load(&expected, path, *state, NULL), 0);
        assert_int_equal(image.width, expected.width);
        assert_int_equal(image.height, expected.height);
        for (int i = 0; i < image.width * image.height * 3; i++)
            if (abs(image.rgb[i] - expected.rgb[i]) > LEVELS)
                fail_msg("%s: byte %d is %d, not %d", files[f], i, image.rgb[i], expected.rgb[i]);
    }
    if (n_read == 0)
        skip();
}

static void cut_files_are_refused(void **state) {
    for (int f = 0; f < N_FILES; f++) {
        if (!is_read_here(files[f]))
            continue;
        Bytes whole = picture_read(files[f]);
        for (size_t size = 12; size < whole.size; size += 1 + size / 64) {
            Bytes part = {malloc(size), size};
            assert_non_null(part.data);
            memcpy(part.data, whole.data, size);
            assert_int_equal(image_check(part.data, size, "x", *state, NULL), -1);
            picture_refuse(part, "HEIF data: ", *state);
        }
        free(whole.data);
    }
}

static void damaged_bytes_do_no_harm(void **state) {
    size_t used = arena_used(*state);
    for (int f = 0; f < 2; f++) {
        if (!is_read_here(files[3 * f]))
            continue;
        Bytes bytes = picture_read(files[3 * f]);
        for (size_t at = 12; at < bytes.size; at++) {
            Image image;
            bytes.data[at] ^= (unsigned char)(1 << at % 8);
            int checked = image_check(bytes.data, bytes.size, "x", *state, NULL);
            int decoded = image_decode(&image, bytes.data, bytes.size, "x", *state, NULL);
            assert_true(decoded < 0 || checked == 0);
            arena_reset(*state, used);
            bytes.data[at] ^= (unsigned char)(1 << at % 8);
        }
        free(bytes.data);
    }
}

/* The size stands in a box ispe, before what the picture is cut to. */
static void sizes_are_limited(void **state) {
    Bytes bytes = picture_read("photo.heic");
    for (size_t at = 0; at + 16 < bytes.size; at++)
        if (memcmp(bytes.data + at, "ispe", 4) == 0)
            memcpy(bytes.data + at + 8, "\0\0\x7f\xff\0\0\x7f\xff", 8);
    picture_refuse(bytes, "32767 x 32767 pixels where at most", *state);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pixels_are_others),
        ARENA_TEST(cut_files_are_refused),
        ARENA_TEST(damaged_bytes_do_no_harm),
        ARENA_TEST(sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void refused_by_name(void **state) {
    picture_refuse(picture_read("photo.heic"), "a HEIC image, and this coop was built without libheif",
                   *state);
    picture_refuse(picture_read("full.avif"), "an AVIF image, and this coop was built without libheif",
                   *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_by_name, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
