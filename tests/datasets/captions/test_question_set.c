/* test_question_set.c: VQA's two files, with multiple choices and without, tables, and what is wrong with
 * them. */
#include "datasets/captions/question_set.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

#define QUESTION(id, rest) "{\"question_id\": " id ", \"image_id\": 42, \"question\": \"Q" id "\"" rest "}"
#define QUESTIONS(list) "{\"data_subtype\": \"val2014\", \"questions\": [" list "]}"
#define ANSWERED(id, rest)                                                                                   \
    "{\"question_id\": " id ", \"answers\": [{\"answer\": \"x\"}, {\"answer\": \"y\"}]" rest "}"
#define ANNOTATIONS(list) "{\"annotations\": [" list "]}"

static int read_texts(Lists *lists, QuestionSet *set, const char *questions, const char *annotations) {
    lists->err = (Error){0};
    return question_set_read(set, lists_file(lists, "@/q", questions),
                             annotations ? lists_file(lists, "@/a", annotations) : NULL, lists->arena,
                             &lists->err);
}

static void refuse(Lists *lists, const char *questions, const char *annotations, const char *message) {
    QuestionSet set;
    lists_assert_error(lists, read_texts(lists, &set, questions, annotations), message);
}

static void questions_come_in_the_order_of_the_annotations(void **state) {
    Lists *lists = *state;
    QuestionSet set;
    lists_assert_ok(lists,
                    read_texts(lists, &set,
                               QUESTIONS(QUESTION("9", "") "," QUESTION("7", "") "," QUESTION("8", "")),
                               ANNOTATIONS(ANSWERED("7", ", \"answer_type\": \"other\", \"question_type\": "
                                                         "\"what\"") "," ANSWERED("9", ""))));
    lists_assert_items(lists, &set.images,
                       "COCO_val2014_000000000042.jpg 0, COCO_val2014_000000000042.jpg 0");
    assert_true(set.n == 2 && set.n_unanswered == 1 && !set.has_choices);
    assert_true(set.questions[0].id == 7 && set.questions[0].n_answers == 2);
    assert_string_equal(set.questions[0].answer_type, "other");
    assert_string_equal(set.questions[0].type, "what");
    assert_string_equal(set.questions[1].text, "Q9");
    assert_null(set.questions[1].type);
}

static void choices_are_the_questions_own(void **state) {
    Lists *lists = *state;
    QuestionSet set;
    const char *questions =
        "{\"data_subtype\": \"val2015\", \"data_type\": \"abstract_v002\", \"questions\": [" QUESTION(
            "7", ", \"multiple_choices\": [\"a\", \"b\"]") "]}";
    lists_assert_ok(lists, read_texts(lists, &set, questions, ANNOTATIONS(ANSWERED("7", ""))));
    assert_true(set.has_choices && set.questions[0].n_choices == 2);
    assert_string_equal(set.questions[0].choices[1], "b");
    lists_assert_items(lists, &set.images, "abstract_v002_val2015_000000000042.png 0");
    refuse(lists, QUESTIONS(QUESTION("7", ", \"multiple_choices\": [\"a\"]") "," QUESTION("8", "")),
           ANNOTATIONS(""), "@/q: questions[1]: multiple_choices for some questions, none for others");
    refuse(lists, QUESTIONS(QUESTION("7", ", \"multiple_choices\": []")), ANNOTATIONS(""),
           "@/q: questions[0]: no list 'multiple_choices'");
    refuse(lists, QUESTIONS(QUESTION("7", ", \"multiple_choices\": [1]")), ANNOTATIONS(""),
           "@/q: questions[0]: multiple_choices[0]: no text");
}

static void a_table_has_one_answer_a_row(void **state) {
    Lists *lists = *state;
    QuestionSet set;
    lists_assert_ok(lists,
                    read_texts(lists, &set,
                               "image\tquestion\tanswer\ttype\na.jpg\tWhat?\tcat\tkind\nb.jpg\tWho?\tdog\t\n",
                               NULL));
    assert_true(set.n == 2 && set.questions[1].id == 1 && set.questions[1].n_answers == 1);
    assert_string_equal(set.questions[0].type, "kind");
    assert_null(set.questions[1].type);
    refuse(lists, "image\tquestion\tanswer\na.jpg\t\tcat\n", NULL, "@/q: line 2: empty question");
    refuse(lists, "image\tquestion\tanswer\n", NULL, "@/q: no questions");
    refuse(lists, "image,question\n", NULL,
           "@/q: line 1: no column 'answer'; separated by ',', there are 'image', 'question'");
}

static void what_is_wrong_is_named(void **state) {
    Lists *lists = *state;
    const char *one = ANNOTATIONS(ANSWERED("7", ""));
    refuse(lists, QUESTIONS(QUESTION("7", "")), NULL, "@/q: VQA's questions want their --annotations");
    refuse(lists, QUESTIONS(QUESTION("7", "") "," QUESTION("7", "")), one, "@/q: question 7 comes twice");
    refuse(lists, QUESTIONS(QUESTION("8", "")), one, "@/a: annotations[0]: there is no question 7");
    refuse(lists, QUESTIONS(QUESTION("7", "")), ANNOTATIONS(ANSWERED("7", "") "," ANSWERED("7", "")),
           "@/a: question 7 comes twice");
    refuse(lists, QUESTIONS(QUESTION("\"7\"", "")), one, "@/q: questions[0]: '}' expected near '7'");
    refuse(lists, "{\"data_subtype\": \"x\", \"questions\": [{\"question_id\": 7}]}", one,
           "@/q: questions[0]: no numbers 'question_id' and 'image_id' with a text 'question'");
    refuse(lists, "{\"questions\": []}", one, "@/q: no 'data_subtype'");
    refuse(lists, "{\"data_type\": \"gqa\", \"questions\": []}", one,
           "@/q: data_type: 'gqa': mscoco or abstract_v002 is needed");
    refuse(lists, QUESTIONS(QUESTION("7", "")),
           ANNOTATIONS("{\"question_id\": 7, \"answers\": [{\"text\": \"x\"}]}"),
           "@/a: annotations[0]: answers[0]: no text 'answer'");
    refuse(lists, QUESTIONS(QUESTION("7", "")), ANNOTATIONS(""), "@/a: no questions");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(questions_come_in_the_order_of_the_annotations), LISTS_TEST(choices_are_the_questions_own),
        LISTS_TEST(a_table_has_one_answer_a_row), LISTS_TEST(what_is_wrong_is_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
