/* test_remarks.c: datasets/lists/remarks.c */
#include "datasets/lists/remarks.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_remark(Lists *lists, int i, const char *line) {
    assert_in_range(i, 0, lists->dataset.remarks.n - 1);
    assert_string_equal(lists->dataset.remarks.lines[i], lists_path(lists, line));
}

static void open_csv(Lists *lists, const char *rows, const char *subsample) {
    lists_file(lists, "@/list.csv", rows);
    lists_assert_ok(lists, lists_open(lists, (DatasetSpec){.format = "csv",
                                                           .csv = "@/list.csv",
                                                           .subsample_classes = subsample}));
}

static void test_nothing_to_say(void **state) {
    Lists *lists = *state;
    open_csv(lists, "path,class,split\na,cat,train\nb,dog,train\nc,cat,test\nd,dog,test\n", NULL);
    lists_assert_ok(lists, remark_shots(&lists->dataset, (const int[]){0, 1}, 2, lists->arena, &lists->err));
    assert_int_equal(lists->dataset.remarks.n, 0);
}

/* In one list or in two. */
static void test_two_labels(void **state) {
    Lists *lists = *state;
    open_csv(lists,
             "path,class,split\na,cat,train\nb,dog,train\nb,cat,train\nb,dog,val\nc,cat,test\na,dog,test\n",
             NULL);
    assert_int_equal(lists->dataset.remarks.n, 1);
    assert_remark(lists, 0, "@/list.csv: 2 images have more than one label (b: 'dog' and 'cat')");
    lists_file(lists, "@/split.json",
               "{\"train\": [[\"a\", 0, \"cat\"], [\"b\", 1, \"dog\"]], \"val\": [],"
               "\"test\": [[\"a\", 1, \"dog\"], [\"c\", 0, \"cat\"]]}");
    lists_assert_ok(
        lists, lists_open(lists, (DatasetSpec){.format = "split", .split = "@/split.json", .images = "@"}));
    assert_remark(lists, 0, "@/split.json: 1 image has more than one label (a: 'cat' and 'dog')");
}

static void test_untested(void **state) {
    Lists *lists = *state;
    const char *rows = "path,class,split\na,ant,train\nb,bee,train\nc,cat,train\nd,dog,train\ne,ant,test\n"
                       "f,dog,test\n";
    open_csv(lists, rows, NULL);
    assert_int_equal(lists->dataset.remarks.n, 1);
    assert_remark(lists, 0, "@/list.csv: 2 of 4 classes have no test images ('bee')");
    open_csv(lists, rows, "new"); /* only the classes that are used */
    assert_int_equal(lists->dataset.remarks.n, 1);
    assert_remark(lists, 0, "@/list.csv: 1 of 2 classes has no test images ('cat')");
}

static void test_few_shots(void **state) {
    Lists *lists = *state;
    open_csv(lists,
             "path,class,split\na,cat,train\nb,cat,train\nc,dog,train\nd,dog,train\ne,dog,train\n"
             "f,cat,test\ng,dog,test\n",
             NULL);
    lists_assert_ok(lists,
                    remark_shots(&lists->dataset, (const int[]){2, 3, 500, 0}, 4, lists->arena, &lists->err));
    assert_int_equal(lists->dataset.remarks.n, 2);
    assert_remark(
        lists, 0,
        "@/list.csv: num_shots 3: 1 of 2 classes has fewer training images, and gives all ('cat': 2)");
    assert_remark(lists, 1,
                  "@/list.csv: num_shots 500: 2 of 2 classes have fewer training images, and give all "
                  "('cat': 2)");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_nothing_to_say), TEST(test_two_labels), TEST(test_untested),
                                       TEST(test_few_shots)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
