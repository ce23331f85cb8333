/* test_dataset.c: datasets/lists/dataset.c, on datasets that dataset_open.c has read. */
#include "datasets/lists/dataset.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void test_base_and_new(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, "base")));
    lists_assert_classes(lists, "a, b, c");
    lists_assert_items(lists, &lists->dataset.train, "a1 0, b1 1, c1 2, a2 0");
    lists_assert_items(lists, &lists->dataset.val, "c2 2");
    lists_assert_items(lists, &lists->dataset.test, "a3 0, b3 1, c3 2");
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, "new")));
    lists_assert_classes(lists, "d, e");
    lists_assert_items(lists, &lists->dataset.train, "e1 1, d1 0");
    lists_assert_items(lists, &lists->dataset.val, "d2 0");
    lists_assert_items(lists, &lists->dataset.test, "d3 0, e3 1");
    assert_int_equal(lists->dataset.whole->n_classes, 5);
    assert_int_equal(lists->dataset.whole->train.n, 6);
    assert_int_equal(lists->dataset.first_class, 3);
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, "all")));
    lists_assert_classes(lists, "a, b, c, d, e");
}

static void test_missing_classes(void **state) {
    Lists *lists = *state;
    DatasetSpec spec = {.format = "split", .images = "@", .split = "@/s.json"};
    lists_file(lists, "@/s.json",
               "{\"train\":[[\"a\",0,\"a\"],[\"c\",2,\"c\"]],\"val\":[],\"test\":[[\"b\",1,\"cup\"]]}");
    lists_assert_error(lists, lists_open(lists, spec), "@/s.json: class 'cup' (label 1): no training images");
    lists_file(lists, "@/s.json", "{\"train\":[],\"val\":[[\"a\",0,\"a\"]],\"test\":[[\"b\",1,\"cup\"]]}");
    lists_assert_error(lists, lists_open(lists, spec), "@/s.json: class 'a' (label 0): no test images");
    lists_file(lists, "@/s.json", "{\"train\":[],\"val\":[[\"a\",0,\"a\"]],\"test\":[]}");
    lists_assert_error(lists, lists_open(lists, spec), "@/s.json: neither training nor test images");
    lists_file(lists, "@/s.json", "{\"train\":[[\"a\",0,\"a\"]],\"val\":[],\"test\":[]}");
    lists_assert_ok(lists, lists_open(lists, spec));
    spec.subsample_classes = "base";
    lists_assert_ok(lists, lists_open(lists, spec));
    spec.subsample_classes = "new";
    lists_assert_error(lists, lists_open(lists, spec),
                       "@/s.json: subsample_classes new: the only class is a base class");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_base_and_new), TEST(test_missing_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
