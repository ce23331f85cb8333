/* test_matching.c: text, image and group by hand, several wrong captions, and equal scores. */
#include "experiments/ranking/matching.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void pairs_count_as_winoground_does(void **state) {
    (void)state;
    /* case 0: all right; case 1: each caption finds its picture, picture 1 takes caption 0; case 2: a tie */
    const float images[] = {1, 0, 0, 1, 4, 1, 2, 3, 1, 1, 1, 1};
    const float texts[] = {1, 0, 0, 1, 2, 0, 0, 1, 1, 0, 0, 1};
    const int firsts[] = {0, 2, 4, 6};
    MatchCases cases = {images, texts, firsts, .n = 3, .E = 2, .pairs = true};
    Verdict v[3];
    Error err = {0};
    assert_int_equal(matches_judge(v, &cases, &err), 0);
    assert_true(v[0].text && v[0].image);
    assert_true(!v[1].text && v[1].image);
    assert_true(!v[2].text && !v[2].image);
    cases.pairs = false;
    assert_int_equal(matches_judge(v, &cases, &err), 0);
    assert_true(v[0].text && !v[1].text && v[2].text && !v[0].image);
    const float bad[] = {NAN, 0};
    cases.images = bad;
    assert_int_equal(matches_judge(v, &cases, &err), -1);
}

static void equal_scores_are_right_where_the_first_is_taken(void **state) {
    (void)state;
    const float images[] = {1, 0, 1, 0}, texts[] = {2, 0, 1, 0, 2, 5, 1, 1, 0, 0, 1, 2, 2, 0};
    const int firsts[] = {0, 3, 7};
    MatchCases cases = {images, texts, firsts, .n = 2, .E = 2};
    Verdict v[2];
    Error err = {0};
    assert_int_equal(matches_judge(v, &cases, &err), 0);
    assert_true(!v[0].text && !v[1].text);
    cases.first_won = true;
    assert_int_equal(matches_judge(v, &cases, &err), 0);
    assert_true(v[0].text && !v[1].text);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_count_as_winoground_does),
                                       cmocka_unit_test(equal_scores_are_right_where_the_first_is_taken)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
