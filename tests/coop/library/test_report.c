/* test_report.c: each kind of Error has its code, a call has the "C" locale for its time, and nobody needs an
 * error. */
#define _GNU_SOURCE /* uselocale */
#include "coop/library/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static coop_code code_of(int (*what)(Error *err)) {
    Call call;
    coop_error error;
    call_begin(&call);
    what(&call.err);
    const int code = call_end(&call, -1, &error);
    assert_int_equal(code, error.code);
    assert_true(*error.message != '\0');
    return (coop_code)code;
}

static int input(Error *err) {
    return error_set(err, "a file: is bad");
}

static int usage(Error *err) {
    return error_usage(err, "wrong");
}

static int run(Error *err) {
    return error_run(err, "no space");
}

static int stop(Error *err) {
    error_run(err, "stopped");
    err->kind = ERROR_SIGNAL;
    return -1;
}

static int partly(Error *err) {
    error_run(err, "some");
    err->kind = ERROR_PARTLY;
    return -1;
}

static void test_codes(void **state) {
    (void)state;
    assert_int_equal(code_of(input), COOP_INPUT);
    assert_int_equal(code_of(usage), COOP_USAGE);
    assert_int_equal(code_of(run), COOP_FAILED);
    assert_int_equal(code_of(error_memory), COOP_MEMORY);
    assert_int_equal(code_of(stop), COOP_STOPPED);
    assert_int_equal(code_of(partly), COOP_PARTLY);
}

/* What is done is no error, whatever was said on the way. */
static void test_done(void **state) {
    (void)state;
    Call call;
    coop_error error = {COOP_FAILED, "of another call"};
    call_begin(&call);
    input(&call.err);
    assert_int_equal(call_end(&call, 0, &error), COOP_OK);
    assert_int_equal(error.code, COOP_OK);
    assert_string_equal(error.message, "");
    call_begin(&call);
    input(&call.err);
    assert_int_equal(call_end(&call, -1, NULL), COOP_INPUT);
}

static void test_locale(void **state) {
    (void)state;
    Call call;
    locale_t own = newlocale(LC_ALL_MASK, "C.UTF-8", (locale_t)0), first = uselocale(own);
    call_begin(&call);
    assert_ptr_not_equal(uselocale((locale_t)0), own);
    assert_string_equal(localeconv()->decimal_point, ".");
    call_end(&call, 0, NULL);
    assert_ptr_equal(uselocale(first), own);
    freelocale(own);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_codes), cmocka_unit_test(test_done),
                                       cmocka_unit_test(test_locale)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
