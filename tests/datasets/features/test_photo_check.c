/* test_photo_check.c: bad images, sizes, and copies by bytes and by pixels. */
#include "datasets/features/photo_check.h"

#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A grey PNG; with a comment, other bytes for the same pixels. */
static const char *write_png(void **state, const char *name, int width, int height, bool comment) {
    unsigned char lines[400] = {0};
    for (int i = 0; i < height * (width + 1); i++)
        lines[i] = i % (width + 1) ? 77 : 0;
    Bytes png = make_png(lines, (size_t)(height * (width + 1)),
                         &(PngKind)PNG((uint32_t)width, (uint32_t)height, 8, 0));
    if (comment)
        png_insert(&png, "tEXt", "a\0b", 3);
    char *path = scratch_path(state, name, malloc(600), 600);
    scratch_file(path, png.data, png.size);
    free(png.data);
    return path;
}

static void findings(void **state) {
    const char *const paths[] = {
        write_png(state, "a", 9, 4, false), write_png(state, "b", 4, 9, false),
        write_png(state, "c", 9, 4, true),  write_png(state, "d", 9, 4, false),
        write_png(state, "e", 4, 9, true),  scratch_path(state, "text", malloc(600), 600)};
    scratch_file(paths[5], "words", 5);
    for (int n_threads = 1; n_threads <= 3; n_threads++) {
        Pool *pool = pool_create(n_threads);
        PhotoCheck *check = photo_check_create(pool, NULL);
        int n;
        assert_int_equal(photo_check_add(check, paths, 4, NULL), 0);
        assert_int_equal(photo_check_add(check, paths + 4, 2, NULL), 0);
        const Photo *photos = photo_check_all(check, &n);
        assert_int_equal(n, 6);
        static const int copies[] = {-1, -1, 0, 0, 1, -1};
        for (int i = 0; i < 6; i++) {
            assert_int_equal(photos[i].copy_of, copies[i]);
            assert_string_equal(photos[i].path, paths[i]);
            assert_int_equal(photos[i].fault != NULL, i == 5);
        }
        assert_true(photos[3].same_bytes && !photos[2].same_bytes && !photos[4].same_bytes);
        assert_true(photos[0].width == 9 && photos[0].height == 4 && photos[1].width == 4);
        assert_non_null(strstr(photos[5].fault, "text: start: no image"));
        photo_check_free(check);
        pool_free(pool);
    }
    for (int i = 0; i < 6; i++)
        free((char *)(uintptr_t)paths[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(findings, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
