/* test_image_faults.c: datasets/images/image_faults.c: in whatever order faults come, the first are kept. */
#include "datasets/images/image_faults.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void add(ImageFaults *faults, int item) {
    Error err = {0};
    error_set(&err, "%d", item);
    image_faults_add(faults, item, &err);
}

static void test_none(void **state) {
    (void)state;
    const ImageFaults none = {0};
    Error err = {0};
    assert_int_equal(image_faults_first(&none, &err), 0);
    assert_int_equal(err.kind, ERROR_NONE);
}

static void test_order(void **state) {
    (void)state;
    enum { N = 47 };
    for (int n = 1; n <= N; n++) {
        ImageFaults workers[3] = {{0}}, all = {0};
        Error err = {0};
        for (int i = 0; i < N; i++) /* 47 is a prime: all numbers below n, mixed */
            if (i * 29 % N < n)
                add(&workers[i % 3], i * 29 % N);
        for (int w = 0; w < 3; w++)
            image_faults_merge(&all, &workers[w]);
        assert_int_equal(all.n, n);
        for (int i = 0; i < n && i < MAX_FAULTS; i++) {
            assert_int_equal(all.first[i].item, i);
            assert_int_equal(atoi(all.first[i].err.text), i);
        }
        assert_int_equal(image_faults_first(&all, &err), -1);
        assert_string_equal(err.text, "0");
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_none), cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
