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
    return match_set_read(set, lists_file(lists, "@/file", text), NULL, lists->arena, &lists->err);
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

#define WINOGROUND(id, more)                                                                                 \
    "{\"id\": " id                                                                                           \
    ", \"image_0\": \"a\", \"image_1\": \"b\", \"caption_0\": \"x\", \"caption_1\": \"y\"" more "}\n"
#define ARO(rest)                                                                                            \
    "{\"image_path\": \"a.jpg\", \"bbox_x\": 1, \"bbox_y\": 2, \"bbox_w\": 3, \"bbox_h\": 4, "               \
    "\"true_caption\": \"x\", \"false_caption\": \"y\"" rest "}"

/* "0 Object; 1 Both; " */
static const char *labels(Lists *lists, const MatchSet *set) {
    const char *text = "";
    for (int i = 0; i < set->n_labels; i++)
        text = arena_printf(lists->arena, "%s%d %s; ", text, set->labels[i].item,
                            set->tags[set->labels[i].tag].name);
    return text;
}

static void cases_have_tags(void **state) {
    Lists *lists = *state;
    MatchSet set;
    const char *text =
        WINOGROUND("3", ", \"collapsed_tag\": \"Both\", \"secondary_tag\": \"Series, Symbolic\", "
                        "\"num_main_preds\": 2") WINOGROUND("5", ", \"collapsed_tag\": \"Both\"");
    lists_assert_ok(lists, read_text(lists, &set, text));
    assert_string_equal(labels(lists, &set), "0 Both; 0 Series; 0 Symbolic; 0 2 main predicates; 1 Both; ");
    const char *file = lists_file(lists, "@/file", text),
               *tags = lists_file(lists, "@/tags", "{\"3\": [], \"5\": [\"A\", \"B\"], \"6\": []}");
    lists_assert_ok(lists, match_set_read(&set, file, tags, lists->arena, &lists->err));
    assert_string_equal(labels(lists, &set),
                        "0 Both; 0 Series; 0 Symbolic; 0 2 main predicates; 0 No Tag; 1 Both; 1 A; 1 B; ");
    tags = lists_file(lists, "@/tags", "{\"3\": []}");
    lists_assert_error(lists, match_set_read(&set, file, tags, lists->arena, &lists->err),
                       "@/file: line 2: the file of tags has no list for '5'");
    lists->err = (Error){0};
    tags = lists_file(lists, "@/tags", "{\"3\": []");
    assert_int_equal(match_set_read(&set, file, tags, lists->arena, &lists->err), -1);
    lists_assert_ok(lists, read_text(lists, &set,
                                     "[" ARO(", \"relation_name\": \"on\"") "," ARO(
                                         ", \"relation_name\": \"next to\"") "]"));
    assert_true(set.macro_least == 1 && set.tags[0].in_macro && !set.tags[1].in_macro);
    lists_assert_ok(lists, read_text(lists, &set, "[" ARO(", \"attributes\": [\"red\", \"old\"]") "]"));
    assert_int_equal(set.macro_least, 25);
    assert_string_equal(labels(lists, &set), "0 red_old; ");
    lists_assert_ok(
        lists, read_text(lists, &set, "image\tcaption\tnegative_caption\ttag\na.jpg\tx\ty\tT\nb\tx\ty\t\n"));
    assert_string_equal(labels(lists, &set), "0 T; ");
}

static void orders_have_any_number_of_captions(void **state) {
    MatchSet set;
    lists_assert_ok(*state, read_text(*state, &set,
                                      "[{\"image\": \"a\", \"caption_options\": [\"x\", \"y\", \"z\"]}, "
                                      "{\"image\": \"b\", \"caption_options\": [\"u\", \"v\"]}]"));
    assert_true(set.first_won && set.n == 2 && set.firsts[1] == 3 && set.firsts[2] == 5);
    assert_string_equal(set.texts[3], "u");
    refuse(*state, "[{\"image\": \"a\", \"caption_options\": [\"x\"]}]",
           "@/file: entry[0]: one caption: a right and a wrong one are needed");
    refuse(*state, "[{\"image\": \"a\", \"caption_options\": [\"x\", 3]}]",
           "@/file: entry[0]: caption_options[1]: a text is needed");
}

static void cases_that_stand_there_twice_are_refused(void **state) {
    refuse(*state,
           "{\"7\": {\"filename\": \"a\", \"caption\": \"x\", \"negative_caption\": \"y\"}, \"7\": "
           "{\"filename\": "
           "\"b\", \"caption\": \"x\", \"negative_caption\": \"y\"}}",
           "@/file: entry '7': it stands there twice");
    refuse(*state, WINOGROUND("3", "") WINOGROUND("3", ""), "@/file: line 2: its id stands there twice");
    refuse(*state, "[" ARO(", \"relation_name\": \"on\"") "," ARO("") "]",
           "@/file: entry[1]: an entry of another kind than those before");
}

static void what_is_wrong_is_named(void **state) {
    refuse(*state, "[]", "@/file: no cases");
    refuse(
        *state, "[{\"filename\": \"a\"}]",
        "@/file: entry[0]: none of image_0 (Winoground), image_path or caption_options (ARO), or filename, "
        "caption and negative_caption (SugarCrepe)");
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
    const struct CMUnitTest tests[] = {LISTS_TEST(every_kind_is_read), LISTS_TEST(cases_have_tags),
                                       LISTS_TEST(orders_have_any_number_of_captions),
                                       LISTS_TEST(cases_that_stand_there_twice_are_refused),
                                       LISTS_TEST(what_is_wrong_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
