/* test_answer_list.c: candidates from a list, from lines, and from VQA's annotations by frequency. */
#include "datasets/captions/answer_list.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static const char *joined(Lists *lists, const AnswerList *list) {
    const char *text = "";
    for (int i = 0; i < list->n; i++)
        text = arena_printf(lists->arena, "%s%s|", text, list->answers[i]);
    return text;
}

static int read_text(Lists *lists, AnswerList *list, const char *text, int most) {
    lists->err = (Error){0};
    return answer_list_read(list, lists_file(lists, "@/a", text), most, lists->arena, &lists->err);
}

static void refuse(Lists *lists, const char *text, const char *message) {
    AnswerList list;
    lists_assert_error(lists, read_text(lists, &list, text, 10), message);
}

static void lines_are_taken_whole(void **state) {
    AnswerList list;
    lists_assert_ok(*state, read_text(*state, &list,
                                      "\xEF\xBB\xBF"
                                      "hot, dog\r\n\n  cat \nd",
                                      1));
    assert_string_equal(joined(*state, &list), "hot, dog|cat|d|"); /* most is for annotations */
    assert_int_equal(list.n_all, 0);
    refuse(*state, "cat\nx\ncat\n", "@/a: line 3: 'cat' stands there twice");
    refuse(*state, "\n\n", "@/a: no answers");
    refuse(*state, "", "@/a: empty file");
    refuse(*state, "a\n\xFF\n", "@/a: line 2: the answer is not UTF-8");
}

static void annotations_give_the_most_frequent(void **state) {
    AnswerList list;
#define ANSWER(text) "{\"multiple_choice_answer\": \"" text "\"}"
    const char *text = "{\"annotations\": [" ANSWER("no") "," ANSWER("red") "," ANSWER("2") "," ANSWER(
        "red") "," ANSWER(" ") "," ANSWER("2") "," ANSWER("yes") "]}";
    lists_assert_ok(*state, read_text(*state, &list, text, 3));
    assert_string_equal(joined(*state, &list), "red|2|no|");
    assert_true(list.n_all == 4 && list.share > 0.83 && list.share < 0.84); /* 5 of 6 */
    refuse(*state, "{\"annotations\": [{\"answers\": []}]}",
           "@/a: annotations[0]: no text 'multiple_choice_answer'");
    refuse(*state, "{\"questions\": []}", "@/a: no 'annotations'");
}

static void a_list_is_cut_at_commas(void **state) {
    Lists *lists = *state;
    AnswerList list;
    lists_assert_ok(lists, answer_list_split(&list, " cat ,hot dog,, d", lists->arena, &lists->err));
    assert_string_equal(joined(lists, &list), "cat|hot dog|d|");
    lists_assert_ok(lists, answer_list_split(&list, " , ", lists->arena, &lists->err));
    assert_int_equal(list.n, 0);
    lists_assert_error(lists, answer_list_split(&list, "a, b,a ", lists->arena, &lists->err),
                       "'a' stands there twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(lines_are_taken_whole),
                                       LISTS_TEST(annotations_give_the_most_frequent),
                                       LISTS_TEST(a_list_is_cut_at_commas)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
