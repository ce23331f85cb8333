/* test_plan.c: what a dry run reckons with: the rate of this machine. */
#include "experiments/stage/plan.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
