/* test_tiff.c: TIFF files of every kind against the bytes of Pillow's convert("RGB"), and broken ones. */
#include "datasets/images/image.h"

#include "tests/support/picture_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_FILES = 47 };

#ifdef HAVE_TIFF
static void pixels_are_pillows(void **state) {
    pictures_are_pillows(".tif", N_FILES, *state);
}

static void cut_files_are_refused(void **state) {
    pictures_cut_short(".tif", N_FILES, *state);
}

static void damaged_bytes_do_no_harm(void **state) {
    pictures_damaged(".tif", N_FILES, *state);
}

static void what_is_not_read_is_named(void **state) {
    picture_refuse(picture_read("refused-lab.tif"), "TIFF header: CIELAB, 3 x 8 bits", *state);
    picture_refuse(picture_read("refused-float.tif"), "TIFF header: grey, 1 x 32 bits", *state);
    picture_refuse(picture_read("refused-12.tif"), "TIFF header: grey, 1 x 12 bits", *state);
    picture_refuse(picture_read("refused-ycbcr.tif"), "TIFF header: YCbCr but by JPEG", *state);
    picture_refuse(picture_read("refused-la.tif"), "TIFF header: grey, 2 x 8 bits", *state);
}

/* The value of a tag in the folder of one of the fixtures that end with it. */
static unsigned char *tag(Bytes *bytes, int number) {
    for (size_t at = 0; at + 12 <= bytes->size; at++)
        if (bytes->data[at] == (number & 0xff) && bytes->data[at + 1] == number >> 8 &&
            bytes->data[at + 2] == 3 && bytes->data[at + 4] == 1)
            return bytes->data + at + 8;
    fail_msg("no tag %d", number);
    return NULL;
}

static void sizes_are_limited(void **state) {
    Bytes bytes = picture_read("signed.tif");
    memcpy(tag(&bytes, 256), "\xff\xff", 2);
    memcpy(tag(&bytes, 257), "\xff\xff", 2);
    picture_refuse(bytes, "header: 65535 x 65535 pixels where at most", *state);
    bytes = picture_read("signed.tif");
    memcpy(tag(&bytes, 256), "\xff\x1f", 2);
    memcpy(tag(&bytes, 257), "\xff\x1f", 2);
    picture_refuse(bytes, "bytes cannot hold 8191 x 8191 pixels", *state);
    bytes = picture_read("signed.tif");
    memcpy(tag(&bytes, 259), "\x06", 1);
    picture_refuse(bytes, "TIFF header: compression 6, which is not read", *state);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pixels_are_pillows),       ARENA_TEST(cut_files_are_refused),
        ARENA_TEST(damaged_bytes_do_no_harm), ARENA_TEST(what_is_not_read_is_named),
        ARENA_TEST(sizes_are_limited),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void refused_by_name(void **state) {
    (void)N_FILES;
    picture_refuse(picture_read("rgb.tif"), "a TIFF image, and this coop was built without libtiff", *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_by_name, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
