/* test_match_set.c: the files of Winoground, SugarCrepe and ARO, tables, and what is wrong with them. */
#include "datasets/captions/match_set.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static int read_text(Lists *lists, MatchSet *set, const char *text) {
    lists->err = (Error){0};
    return match_set_read(set, lists_file(lists, "@/file", text), lists->arena, &lists->err);
}

static void refuse(Lists *lists, const char *text, const char *message) {
    MatchSet set;
    lists_assert_error(lists, read_text(lists, &set, text), message);
}

static void every_kind_is_read(void **state) {
    MatchSet set;
    lists_assert_ok(*state,
                    read_text(*state, &set,
                              "{\"id\": 0, \"image_0\": \"a\", \"image_1\": \"b.jpg\", \"caption_0\": "
                              "\"x\", \"caption_1\": \"y\"}\n"));
    assert_true(set.pairs && set.n == 1);
    lists_assert_items(*state, &set.images, "a.png 0, b.jpg 0");
    lists_assert_ok(*state, read_text(*state, &set,
                                      "{\"0\": {\"filename\": \"a.jpg\", \"caption\": \"x\", "
                                      "\"negative_caption\": \"y\"}}"));
    assert_true(!set.pairs && !set.boxed && set.n == 1);
    assert_string_equal(set.texts[1], "y");
    lists_assert_ok(*state,
                    read_text(*state, &set,
                              "[{\"image_path\": \"a.jpg\", \"bbox_x\": 1, \"bbox_y\": 2, \"bbox_w\": 3, "
                              "\"bbox_h\": 4, \"true_caption\": \"x\", \"false_caption\": \"y\"}]"));
    assert_true(set.boxed && set.boxes[0].height == 4);
    lists_assert_ok(*state, read_text(*state, &set, "image\tcaption\tnegative_caption\na.jpg\tx\ty\n"));
    assert_int_equal(set.n, 1);
}

static void what_is_wrong_is_named(void **state) {
    refuse(*state, "[]", "@/file: no cases");
    refuse(*state, "[{\"filename\": \"a\"}]",
           "@/file: entry[0]: none of image_0 (Winoground), image_path (ARO), or filename, caption and "
           "negative_caption (SugarCrepe)");
    refuse(*state, "{\"0\": {\"filename\": \"../a\", \"caption\": \"x\", \"negative_caption\": \"y\"}}",
           "@/file: entry '0': path with '..': '../a'");
    refuse(*state,
           "[{\"image_path\": \"a.jpg\", \"bbox_x\": 1, \"bbox_y\": 2, \"bbox_w\": 0, \"bbox_h\": 4, "
           "\"true_caption\": \"x\", \"false_caption\": \"y\"}]",
           "@/file: entry[0]: bbox_w: a whole number from 1 on is needed");
    refuse(*state, "image\tcaption\tnegative_caption\na.jpg\tx\n",
           "@/file: line 2: 2 fields where the header has 3");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(every_kind_is_read), LISTS_TEST(what_is_wrong_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
