/* test_split_file_write.c: datasets/lists/split_file_write.c */
#include "clip/base/files.h"
#include "datasets/lists/list_check.h"
#include "datasets/lists/split_file.h"
#include "datasets/lists/split_file_write.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void write_and_read(Lists *lists, const Dataset *dataset, const char *expected_images) {
    const char *images, *path = lists_path(lists, "@/out.json");
    lists_assert_ok(lists, split_file_write(path, dataset, &images, lists->arena, &lists->err));
    assert_string_equal(images, lists_path(lists, expected_images));
    lists->dataset = (Dataset){0};
    lists_assert_ok(lists, split_file_read(&lists->dataset, images, path, lists->arena, &lists->err));
}

static void test_round_trip(void **state) {
    Lists *lists = *state;
    const char *names[] = {"a \"b\" \\", "caf\xC3\xA9_x", "c"};
    Item train[] = {{"c/]\"[\\.jpg", 1}, {"x y/\xC3\xA9.jpg", 0}, {"c/1", 2}}, test[] = {{"a..b/..c", 2}};
    Dataset dataset = {.root = lists_path(lists, "@"),
                       .n_classes = 3,
                       .class_names = names,
                       .train = {train, 3},
                       .test = {test, 1}};
    write_and_read(lists, &dataset, "@");
    lists_assert_classes(lists, "a \"b\" \\, caf\xC3\xA9_x, c");
    lists_assert_items(lists, &lists->dataset.train, "c/]\"[\\.jpg 1, x y/\xC3\xA9.jpg 0, c/1 2");
    lists_assert_items(lists, &lists->dataset.val, "");
    lists_assert_items(lists, &lists->dataset.test, "a..b/..c 2");
}

/* Absolute paths, and those that lead out of the folder, start from the root of the file system. */
static void test_odd_paths(void **state) {
    Lists *lists = *state;
    const char *names[] = {"a"};
    lists_files(lists, (const char *const[]){"@/in/1.jpg", "@/out/2.jpg", NULL});
    Item train[] = {{"1.jpg", 0}, {"../out/2.jpg", 0}}, test[] = {{lists_path(lists, "@/out/2.jpg"), 0}};
    Dataset dataset = {.root = lists_path(lists, "@/in"),
                       .n_classes = 1,
                       .class_names = names,
                       .train = {train, 2},
                       .test = {test, 1}};
    write_and_read(lists, &dataset, "/");
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
    assert_string_equal(lists->dataset.train.items[1].path, lists->dataset.test.items[0].path);
    train[0].path = "../in/none.jpg";
    const char *images;
    lists_assert_error(
        lists,
        split_file_write(lists_path(lists, "@/out.json"), &dataset, &images, lists->arena, &lists->err),
        "@/in/../in/none.jpg: No such file or directory");
}

static void test_errors(void **state) {
    Lists *lists = *state;
    const char *names[] = {"a"}, *images;
    Item train[] = {{"caf\xE9.jpg", 0}};
    Dataset dataset = {.root = ".", .n_classes = 1, .class_names = names, .train = {train, 1}};
    const char *path = lists_path(lists, "@/out.json");
    lists_assert_error(lists, split_file_write(path, &dataset, &images, lists->arena, &lists->err),
                       "caf?.jpg: the name is not UTF-8, which a split file needs");
    assert_false(file_exists(path));
    assert_int_equal(
        split_file_write(lists_path(lists, "@/no/out.json"), &dataset, &images, lists->arena, &lists->err),
        -1);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_round_trip), TEST(test_odd_paths), TEST(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
