/* test_plan.c: what a dry run reckons with: the rate of this machine, and times as people say them. */
#include "experiments/run/plan.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_rate(void **state) {
    (void)state;
    double plain = plan_rate(PRECISION_FLOAT32, 1), fast = plan_rate(PRECISION_AUTO, 1);
    assert_true(plain > 1e7 && plain < 1e13);
    if (scratch_instrumented())
        return;
    if (precision_here(PRECISION_AUTO) == PRECISION_BFLOAT16)
        assert_true(fast > 1.1 * plain && fast < 20 * plain);
    else
        assert_true(fast > 0.3 * plain && fast < 3 * plain);
    double many = plan_rate(PRECISION_FLOAT32, 8);
    assert_true(many > 3 * plain && many < 24 * plain);
}

static void test_times(void **state) {
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "under 1 s"},
                 {0.4, "under 1 s"},
                 {0.6, "1 s"},
                 {99.4, "99 s"},
                 {100, "2 min"},
                 {3599, "60 min"},
                 {99 * 60, "99 min"},
                 {6000, "1 h 40 min"},
                 {47 * 3600.0, "47 h 0 min"},
                 {48 * 3600, "2 days"},
                 {1e300 * 1e300, "11574 days"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        plan_time(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rate), cmocka_unit_test(test_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
