/* test_gif.c: GIF files of every kind against the bytes of Pillow's convert("RGB"), and broken ones. */
#include "datasets/images/image.h"

#include "tests/support/picture_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { N_FILES = 10 };

#ifdef HAVE_GIF
static void pixels_are_pillows(void **state) {
    pictures_are_pillows(".gif", N_FILES, *state);
}

static void cut_files_are_refused(void **state) {
    pictures_cut_short(".gif", N_FILES, *state);
    Bytes bytes = picture_read("offset.gif");
    bytes.size -= 30;
    picture_refuse(bytes, "GIF data: the file is cut short", *state);
}

static void damaged_bytes_do_no_harm(void **state) {
    pictures_damaged(".gif", N_FILES, *state);
}

static void sizes_are_limited(void **state) {
    Bytes bytes = picture_read("offset.gif"); /* its screen is at 6, its frame of 9 x 7 behind the palette */
    memcpy(bytes.data + 6, "\xff\xff\xff\xff", 4);
    picture_refuse(bytes, "65535 x 65535 pixels where at most", *state);
    bytes = picture_read("offset.gif");
    memcpy(bytes.data + 6, "\xff\x1f\xff\x1f", 4);
    picture_refuse(bytes, "GIF data: 9 x 7 pixels on an empty canvas of 8191 x 8191", *state);
    bytes = picture_read("no-palette.gif");
    memcpy(bytes.data + 6 + 7 + 9 + 5, "\xff\x1f\xff\x1f", 4);
    picture_refuse(bytes, "bytes cannot hold 8191 x 8191 pixels", *state);
}

static void a_file_without_a_frame_is_refused(void **state) {
    Bytes bytes = picture_read("no-palette.gif");
    bytes.data[13] = ';';
    picture_refuse(bytes, "GIF data: no frame", *state);
}

#define ARENA_TEST(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        ARENA_TEST(pixels_are_pillows),
        ARENA_TEST(cut_files_are_refused),
        ARENA_TEST(damaged_bytes_do_no_harm),
        ARENA_TEST(sizes_are_limited),
        ARENA_TEST(a_file_without_a_frame_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#else
static void refused_by_name(void **state) {
    (void)N_FILES;
    picture_refuse(picture_read("offset.gif"), "a GIF image, and this coop was built without giflib", *state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(refused_by_name, arena_setup, arena_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
