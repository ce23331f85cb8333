/* test_pixels.c: room for the sizes that a header may claim, and for no others. */
#include "datasets/images/pixels.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void sizes_within_the_limit_get_room(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Image image = {0};
    assert_int_equal(image_allocate(&image, 3, 2, "x", arena, NULL), 0);
    assert_int_equal(image.width, 3);
    assert_int_equal(image.height, 2);
    for (int i = 0; i < 3 * 2 * 3; i++)
        assert_int_equal(image.rgb[i], 0);
    arena_free(arena);
}

static void other_sizes_are_refused(void **state) {
    (void)state;
    static const struct {
        uint32_t width, height;
        const char *text;
    } sizes[] = {
        {0, 5, "x: header: an image of 0 x 5 pixels"},
        {5, 0, "x: header: an image of 5 x 0 pixels"},
        {IMAGE_MAX_PIXELS + 1, 1, "x: header: 178956971 x 1 pixels where at most 178956970 are read"},
        {UINT32_MAX, UINT32_MAX,
         "x: header: 4294967295 x 4294967295 pixels where at most 178956970 are read"},
    };
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        Image image = {0};
        Error err = {0};
        assert_int_equal(image_allocate(&image, sizes[i].width, sizes[i].height, "x", arena, &err), -1);
        assert_string_equal(err.text, sizes[i].text);
    }
    assert_int_equal(arena_used(arena), 0);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_within_the_limit_get_room),
        cmocka_unit_test(other_sizes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
