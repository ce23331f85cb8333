/* How often and how long something is tried again. */
#include "experiments/fetch/retry.h"

#include "clip/base/clock.h"
#include "experiments/terminal/interrupt.h"
#include <signal.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const FetchOptions options = {.quiet = true, .tries = 3, .pause = 0.1};

static void test_times(void **state) {
    (void)state;
    Error err = {0};
    HttpAnswer answer = {.retry_after = -1};
    double start = clock_seconds();
    error_run(&err, "broken");
    assert_int_equal(retry_wait(&options, NULL, 1, &answer, &err), 0);
    assert_int_equal(err.kind, ERROR_NONE);
    assert_true(clock_seconds() - start >= 0.09);
    start = clock_seconds();
    assert_int_equal(retry_wait(&options, NULL, 2, &answer, &err), 0);
    assert_true(clock_seconds() - start >= 0.19);
    error_run(&err, "broken");
    assert_int_equal(retry_wait(&options, NULL, 3, &answer, &err), -1);
    assert_string_equal(err.text, "broken");
}

static void test_server_asks(void **state) {
    (void)state;
    Error err = {0};
    HttpAnswer answer = {.retry_after = 1};
    const double start = clock_seconds();
    assert_int_equal(retry_wait(&options, NULL, 1, &answer, &err), 0);
    assert_true(clock_seconds() - start >= 0.9);
    answer.retry_after = 3600;
    error_run(&err, "busy");
    assert_int_equal(retry_wait(&options, NULL, 1, &answer, &err), -1);
    assert_string_equal(err.text, "busy; it may be asked again in 3600 s");
}

static void test_signal(void **state) {
    (void)state;
    Error err = {0};
    signal(SIGINT, SIG_DFL); /* which is ignored where the tests run in the background */
    interrupt_install();
    raise(SIGINT);
    assert_int_equal(retry_sleep(60, &err), -1);
    assert_int_equal(err.kind, ERROR_SIGNAL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times), cmocka_unit_test(test_server_asks),
                                       cmocka_unit_test(test_signal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
