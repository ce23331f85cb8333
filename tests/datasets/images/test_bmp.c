/* test_bmp.c: BMP files of every kind against the bytes of Pillow's convert("RGB"), and broken ones. */
#include "datasets/images/image.h"

#include "tests/support/picture_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_FILES = 30 };

static void pixels_are_pillows(void **state) {
    pictures_are_pillows(".bmp", N_FILES, *state);
}

static void cut_files_are_refused(void **state) {
    pictures_cut_short(".bmp", N_FILES, *state);
    Bytes bytes = picture_read("rgb24.bmp");
    bytes.size -= 2; /* the last row may lack what fills it up: one byte */
    picture_refuse(bytes, "BMP data: the file is cut short", *state);
}

static void damaged_bytes_do_no_harm(void **state) {
    pictures_damaged(".bmp", N_FILES, *state);
}

/* A fixture with one number of its header changed. */
static Bytes changed(const char *file, size_t at, const char *value, size_t n) {
    Bytes bytes = picture_read(file);
    memcpy(bytes.data + at, value, n);
    return bytes;
}

static void what_is_not_read_is_named(void **state) {
    picture_refuse(changed("rgb24.bmp", 14, "\x29", 1), "header: a bitmap header of 41 bytes", *state);
    picture_refuse(changed("rgb24.bmp", 28, "\x02", 1), "header: 2 bits per pixel", *state);
    picture_refuse(changed("p8.bmp", 30, "\x04", 1), "header: compression 4 of 8 bits", *state);
    picture_refuse(changed("rgb24.bmp", 30, "\x01", 1), "header: compression 1 of 24 bits", *state);
    picture_refuse(changed("rgb565.bmp", 54, "\x01", 1), "header: 16 bits with masks f801, 7e0, 1f", *state);
    picture_refuse(changed("p8.bmp", 46, "\xff\xff", 2), "palette: 65535 colours", *state);
    picture_refuse(changed("rgb24.bmp", 18, "\0", 1), "header: an image of 0 x 7", *state);
    picture_refuse(changed("rgb24.bmp", 18, "\xff\xff\xff\x7f", 4), "x 7 pixels where at most", *state);
    picture_refuse(changed("rle8.bmp", 18, "\xff\x1f\0\0\xff\x1f", 6), "cannot hold 8191 x 8191", *state);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pixels_are_pillows),
        ARENA_TEST(cut_files_are_refused),
        ARENA_TEST(damaged_bytes_do_no_harm),
        ARENA_TEST(what_is_not_read_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
