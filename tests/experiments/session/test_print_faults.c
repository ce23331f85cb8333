/* test_print_faults.c: experiments/session/print_faults.c: what becomes of the error. What is listed is
 * tested from outside, in commands/. */
#include "experiments/session/print_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static ImageFaults make_faults(int n, Error *err) {
    ImageFaults faults = {0};
    for (int i = 0; i < n; i++) {
        Error fault = {0};
        error_set(&fault, "%d.jpg: start: the file is empty", i);
        image_faults_add(&faults, i, &fault);
    }
    *err = (Error){0};
    image_faults_first(&faults, err);
    return faults;
}

static void test_error(void **state) {
    (void)state;
    static const struct {
        int n;
        const char *text;
    } cases[] = {{0, ""},
                 {1, "0.jpg: start: the file is empty"},
                 {2, "2 images cannot be read"},
                 {10, "10 images cannot be read"},
                 {11, "11 images cannot be read; the first 10 are listed"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err;
        ImageFaults faults = make_faults(cases[i].n, &err);
        assert_int_equal(print_faults(&faults, &err), -1);
        assert_string_equal(err.text, cases[i].text);
    }
}

/* That memory is out is not a fault of the images. */
static void test_no_memory(void **state) {
    (void)state;
    Error err = {0};
    ImageFaults faults = {0};
    error_memory(&err);
    image_faults_add(&faults, 0, &err);
    image_faults_add(&faults, 1, &err);
    assert_int_equal(print_faults(&faults, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_error), cmocka_unit_test(test_no_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
