/* test_jpeg_write.c: datasets/images/jpeg_write.c: what is written decodes to nearly the same pixels. */
#include "datasets/images/image.h"
#include "datasets/images/jpeg_write.h"
#include "tests/support/image_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static double mean_difference(const Image *a, const Image *b) {
    size_t n = (size_t)a->width * (size_t)a->height * 3;
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += abs(a->rgb[i] - b->rgb[i]);
    return sum / (double)n;
}

static void test_round_trip(void **state) {
    (void)state;
    static const int sizes[][2] = {{1, 1}, {96, 64}, {17, 33}};
    Arena *arena = arena_create();
    Error err = {0};
    for (int i = 0; i < 3; i++) {
        int width = sizes[i][0], height = sizes[i][1];
        Image image = {.width = width, .height = height, .rgb = make_pixels(width, height, 3, 7)}, back;
        unsigned char *fine, *coarse, *again;
        size_t n_fine, n_coarse, n_again;
        assert_int_equal(jpeg_write(&image, 95, &fine, &n_fine, arena, &err), 0);
        assert_int_equal(jpeg_write(&image, 50, &coarse, &n_coarse, arena, &err), 0);
        assert_int_equal(jpeg_write(&image, 50, &again, &n_again, arena, &err), 0);
        assert_true(n_coarse <= n_fine && n_again == n_coarse && memcmp(coarse, again, n_again) == 0);
        assert_int_equal(image_decode(&back, fine, n_fine, "fine", arena, &err), 0);
        assert_true(back.width == width && back.height == height && back.warnings == 0);
        assert_true(mean_difference(&image, &back) < 12);
        free(image.rgb);
    }
    arena_free(arena);
}

/* libjpeg's own limit is 65,500 pixels. */
static void test_too_wide(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err = {0};
    Image image = {.width = 70000, .height = 1, .rgb = ARENA_NEW(arena, unsigned char, 210000)};
    unsigned char *data;
    size_t size;
    assert_int_equal(jpeg_write(&image, 80, &data, &size, arena, &err), -1);
    assert_int_equal(strncmp(err.text, "writing a JPEG: ", 16), 0);
    assert_int_equal(err.kind, ERROR_RUN);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_round_trip), cmocka_unit_test(test_too_wide)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
