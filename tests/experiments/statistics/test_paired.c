/* test_paired.c: experiments/statistics/paired.c against SciPy (stats.t.interval), and where there is none.
 */
#include "experiments/statistics/paired.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_interval(void **state) {
    (void)state;
    const double five[] = {1.5, -0.25, 2.125, 0.75, 0}, two[] = {-2.4, -3.1};
    Paired paired = paired_interval(five, 5);
    assert_true(paired.n == 5 && paired.wins == 3 && paired.ties == 1 && paired.losses == 1);
    assert_true(fabs(paired.mean - 0.825) < 1e-12);
    assert_true(fabs(paired.half_width - 1.2397223801305262) < 1e-10);
    paired = paired_interval(two, 2);
    assert_true(fabs(paired.mean + 2.75) < 1e-12 && fabs(paired.half_width - 4.447171657661144) < 1e-10);
}

static void test_few(void **state) {
    (void)state;
    const double one[] = {2};
    Paired paired = paired_interval(one, 1);
    assert_true(paired.n == 1 && paired.mean == 2 && paired.wins == 1 && isnan(paired.half_width));
    paired = paired_interval(one, 0);
    assert_true(paired.n == 0 && isnan(paired.mean) && isnan(paired.half_width));
    assert_true(paired.wins == 0 && paired.ties == 0 && paired.losses == 0);
}

/* All differences agree: an interval without width. What a sum leaves behind the last digit is no winner. */
static void test_equal(void **state) {
    (void)state;
    const double same[] = {0.75, 0.75, 0.75}, dust[] = {1e-14, -1e-14, 0};
    Paired paired = paired_interval(same, 3);
    assert_true(paired.mean == 0.75 && paired.half_width == 0 && paired.wins == 3);
    paired = paired_interval(dust, 3);
    assert_true(paired.ties == 3 && paired.wins == 0 && paired.losses == 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_interval), cmocka_unit_test(test_few),
                                       cmocka_unit_test(test_equal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
