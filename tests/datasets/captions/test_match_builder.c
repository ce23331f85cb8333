/* test_match_builder.c: cases of any number of captions, their tags, and what is refused without a place. */
#include "datasets/captions/match_builder.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static void cases_have_their_texts_and_tags(void **state) {
    Lists *lists = *state;
    MatchSet set = {0};
    MatchBuilder builder = {.set = &set, .pool = {.arena = lists->arena}, .tags = {.arena = lists->arena}};
    Error *err = &lists->err;
    for (int i = 0; i < 100; i++) {
        const int n = 2 + i % 3;
        lists_assert_ok(lists, match_image(&builder, "a.jpg", (MatchBox){.width = i == 7}, err));
        lists_assert_ok(lists, match_tag(&builder, i % 2 ? "odd" : "even", i % 2, err));
        for (int t = 0; t < n; t++)
            lists_assert_ok(lists, match_text(&builder, arena_printf(lists->arena, "%d.%d", i, t), err));
        lists_assert_ok(lists, match_case(&builder, err));
    }
    assert_true(set.n == 100 && set.boxed && set.boxes[7].width == 1 && set.boxes[8].width == 0);
    assert_true(set.firsts[0] == 0 && set.firsts[1] == 2 && set.firsts[2] == 5 && set.firsts[3] == 9);
    assert_string_equal(set.texts[set.firsts[99]], "99.0");
    assert_int_equal(set.firsts[100], 299);
    assert_true(set.n_tags == 2 && !set.tags[0].in_macro && set.tags[1].in_macro && set.n_labels == 100);
    assert_true(set.labels[99].item == 99 && set.labels[99].tag == 1);
}

static void a_case_needs_two_captions(void **state) {
    Lists *lists = *state;
    MatchSet set = {0};
    MatchBuilder builder = {.set = &set, .pool = {.arena = lists->arena}, .tags = {.arena = lists->arena}};
    lists_assert_error(lists, match_text(&builder, " \n", &lists->err), "an empty caption");
    lists->err = (Error){0};
    lists_assert_ok(lists, match_text(&builder, "one", &lists->err));
    lists_assert_error(lists, match_case(&builder, &lists->err),
                       "one caption: a right and a wrong one are needed");
    lists->err = (Error){0};
    lists_assert_error(lists, match_image(&builder, "/a.jpg", (MatchBox){0}, &lists->err),
                       "absolute path: '/a.jpg'");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(cases_have_their_texts_and_tags),
                                       LISTS_TEST(a_case_needs_two_captions)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
