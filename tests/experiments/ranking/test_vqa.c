/* test_vqa.c: accuracies and normal forms that vqaEval.py gives. */
#include "experiments/ranking/vqa.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void answers_take_their_normal_form(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"The cat.", "cat"},      {"dont", "don't"},      {"None", "0"},
        {"1,000", "1000"},        {"hot-dog", "hot dog"}, {"blue ; green", "blue green"},
        {"3.5", "3.5"},           {"U.S.", "us"},         {"a", ""},
        {"\xC3\x89", "\xC3\xA9"}, {"a_b", "b"},           {"somebodyd've", "somebody'd've"}};
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++)
        assert_string_equal(vqa_normalize(pairs[i][0], arena), pairs[i][1]);
    assert_string_equal(vqa_trim("\t a\nb \xC2\xA0", arena), "a b");
    arena_free(arena);
}

static double accuracy(const char *answer, const char *const *annotators, int n) {
    double value;
    Error err = {0};
    assert_int_equal(vqa_accuracy(&value, answer, annotators, n, &err), 0);
    return value;
}

static void three_others_make_an_answer_right(void **state) {
    (void)state;
    const char *two[] = {"cat", "cat", "dog", "dog", "dog", "dog", "dog", "dog", "dog", "dog"};
    assert_true(fabs(accuracy("cat", two, 10) - (2 * 1.0 / 3 + 8 * 2.0 / 3) / 10) < 1e-12);
    assert_true(accuracy("The Dog", two, 10) == 1); /* annotators differ: normalised */
    const char *same[] = {"dog", "dog", "dog", "dog"};
    assert_true(accuracy("The Dog", same, 4) == 0); /* they agree: not */
    assert_true(accuracy(" dog\n", same, 4) == 1);
    assert_true(accuracy("dog", same, 1) == 1 && accuracy("cat", same, 1) == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(answers_take_their_normal_form),
                                       cmocka_unit_test(three_others_make_an_answer_right)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
