/* test_matching.c: text, image and group by hand, and equal scores, which are wrong. */
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
    Matches m;
    Error err = {0};
    assert_int_equal(matches_count(&m, images, texts, 3, 2, true, &err), 0);
    assert_int_equal(m.text, 1);
    assert_int_equal(m.image, 2);
    assert_int_equal(m.group, 1);
    assert_int_equal(matches_count(&m, images, texts, 3, 2, false, &err), 0);
    assert_int_equal(m.n, 3);
    assert_int_equal(m.text, 2);
    const float bad[] = {NAN, 0};
    assert_int_equal(matches_count(&m, bad, texts, 1, 2, false, &err), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(pairs_count_as_winoground_does)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
