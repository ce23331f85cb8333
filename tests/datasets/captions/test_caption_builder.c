/* test_caption_builder.c: images and captions as they come, and what is refused without a place. */
#include "datasets/captions/caption_builder.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static void images_are_told_apart_by_their_paths(void **state) {
    Lists *lists = *state;
    CaptionBuilder builder = {.pool = {.arena = lists->arena}, .places = {.arena = lists->arena}};
    bool is_new;
    char path[] = "a/b.jpg";
    assert_int_equal(caption_image(&builder, path, &is_new, &lists->err), 0);
    assert_true(is_new);
    path[0] = 'c'; /* it was copied */
    assert_int_equal(caption_image(&builder, path, &is_new, &lists->err), 1);
    assert_int_equal(caption_image(&builder, "a/b.jpg", &is_new, &lists->err), 0);
    assert_false(is_new);
    lists_assert_items(lists, &builder.images.list, "a/b.jpg 0, c/b.jpg 0");
    lists_assert_error(lists, caption_image(&builder, "../x.jpg", &is_new, &lists->err),
                       "path with '..': '../x.jpg'");
    lists->err = (Error){0};
    lists_assert_error(lists, caption_image(&builder, "", &is_new, &lists->err), "empty path: ''");
}

static void captions_hold_something(void **state) {
    Lists *lists = *state;
    CaptionBuilder builder = {.pool = {.arena = lists->arena}, .places = {.arena = lists->arena}};
    char text[] = " one";
    lists_assert_ok(lists, caption_add(&builder, 3, text, &lists->err));
    text[1] = 'X';
    lists_assert_ok(lists, caption_add(&builder, 1, "two", &lists->err));
    assert_true(builder.n_captions == 2 && builder.captions[0].image == 3);
    assert_string_equal(builder.captions[0].text, " one");
    lists_assert_error(lists, caption_add(&builder, 1, " \r\n\t", &lists->err), "an empty caption");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(images_are_told_apart_by_their_paths),
                                       LISTS_TEST(captions_hold_something)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
