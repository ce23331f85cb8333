/* test_folder.c: datasets/lists/folder.c */
#include "clip/base/files.h"
#include "datasets/lists/folder.h"
#include "datasets/lists/list_check.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int read_folders(Lists *lists, const char *train, const char *val, const char *test) {
    lists->dataset = (Dataset){0};
    return folder_read(&lists->dataset, train ? lists_path(lists, train) : NULL,
                       val ? lists_path(lists, val) : NULL, lists_path(lists, test), lists->arena,
                       &lists->err);
}

static void make_pets(Lists *lists) {
    static const char *const files[] = {"@/train/dog/10.jpg",
                                        "@/train/dog/2.jpg",
                                        "@/train/Zebra/z.png",
                                        "@/train/big_cat/no suffix",
                                        "@/train/big_cat/.hidden.jpg",
                                        "@/train/big_cat/Thumbs.db",
                                        "@/train/big_cat/desktop.ini",
                                        "@/train/big_cat/deeper/a.jpg",
                                        "@/train/.git/a.jpg",
                                        "@/train/labels.txt",
                                        "@/val/dog/3.jpg",
                                        "@/test/dog/4.jpg",
                                        "@/test/big_cat/5.jpg",
                                        "@/test/Zebra/6.jpg",
                                        NULL};
    lists_files(lists, files);
    assert_int_equal(make_folders(lists_path(lists, "@/val/big_cat"), NULL), 0);
    assert_int_equal(make_folders(lists_path(lists, "@/val/Zebra"), NULL), 0);
}

static void test_three_folders(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    lists_assert_ok(lists, read_folders(lists, "@/train", "@/val/", "@/test"));
    lists_assert_classes(lists, "Zebra, big_cat, dog");
    lists_assert_items(lists, &lists->dataset.train,
                       "@/train/Zebra/z.png 0, @/train/big_cat/no suffix 1, @/train/big_cat/deeper/a.jpg 1, "
                       "@/train/dog/10.jpg 2, @/train/dog/2.jpg 2");
    lists_assert_items(lists, &lists->dataset.val, "@/val/dog/3.jpg 2");
    lists_assert_items(lists, &lists->dataset.test,
                       "@/test/Zebra/6.jpg 0, @/test/big_cat/5.jpg 1, @/test/dog/4.jpg 2");
    assert_string_equal(lists->dataset.root, ".");
    assert_string_equal(lists->dataset.source, lists_path(lists, "@/train"));
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
}

static void test_test_alone(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    lists_assert_ok(lists, read_folders(lists, NULL, NULL, "@/test"));
    lists_assert_classes(lists, "Zebra, big_cat, dog");
    assert_int_equal(lists->dataset.train.n, 0);
    assert_int_equal(lists->dataset.test.n, 3);
}

/* Linked folders and files count; a link that leads nowhere is a file, which opening it names. */
static void test_links(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    lists_files(lists, (const char *const[]){"@/t/a/1.jpg", NULL});
    assert_int_equal(symlink(lists_path(lists, "@/train/dog"), lists_path(lists, "@/t/linked")), 0);
    assert_int_equal(symlink(lists_path(lists, "@/train/dog/2.jpg"), lists_path(lists, "@/t/a/2.jpg")), 0);
    assert_int_equal(symlink("nowhere", lists_path(lists, "@/t/a/3.jpg")), 0);
    lists_assert_ok(lists, read_folders(lists, NULL, NULL, "@/t"));
    lists_assert_items(
        lists, &lists->dataset.test,
        "@/t/a/1.jpg 0, @/t/a/2.jpg 0, @/t/a/3.jpg 0, @/t/linked/10.jpg 1, @/t/linked/2.jpg 1");
    lists_assert_error(lists, dataset_check_images(&lists->dataset, NULL, &lists->err),
                       "@/t: test[2]: @/t/a/3.jpg: No such file or directory");
}

static int read_all(Lists *lists, const char *images) {
    lists->dataset = (Dataset){0};
    return folder_read_all(&lists->dataset, lists_path(lists, images), lists->arena, &lists->err);
}

static void test_one_folder(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    lists_assert_ok(lists, read_all(lists, "@/train"));
    lists_assert_classes(lists, "Zebra, big_cat, dog");
    lists_assert_items(
        lists, &lists->dataset.train,
        "Zebra/z.png 0, big_cat/no suffix 1, big_cat/deeper/a.jpg 1, dog/10.jpg 2, dog/2.jpg 2");
    assert_string_equal(lists->dataset.root, lists_path(lists, "@/train"));
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
    lists_assert_error(lists, read_all(lists, "@/val"), "@/val/Zebra: class without images");
    lists_assert_error(lists, read_all(lists, "@/train/dog"), "@/train/dog: no subfolder (one per class)");
}

static const char *remark_at(const Lists *lists, int i) {
    assert_in_range(i, 0, lists->dataset.remarks.n - 1);
    return lists->dataset.remarks.lines[i];
}

/* torchvision's ImageFolder sorts by the path of the folder, then by the name: '+' comes before '/'. */
static void test_nested(void **state) {
    Lists *lists = *state;
    static const char *const files[] = {"@/n/a/1.jpg",
                                        "@/n/a/x/y/2.jpg",
                                        "@/n/a/x/3.jpg",
                                        "@/n/a/x+/4.jpg",
                                        "@/n/b/deep/5.jpg",
                                        "@/n/b/.no/6.jpg",
                                        NULL};
    lists_files(lists, files);
    lists_assert_ok(lists, read_all(lists, "@/n"));
    lists_assert_items(lists, &lists->dataset.train,
                       "a/1.jpg 0, a/x/3.jpg 0, a/x+/4.jpg 0, a/x/y/2.jpg 0, b/deep/5.jpg 1");
    assert_int_equal(lists->dataset.remarks.n, 1);
    assert_string_equal(remark_at(lists, 0),
                        lists_path(lists, "@/n: 4 images are in folders within class folders (a/x/3.jpg)"));
    lists_assert_ok(lists, read_folders(lists, NULL, NULL, "@/n"));
    assert_string_equal(remark_at(lists, 0), lists_path(lists, "@/n: 4 images are in folders within class "
                                                               "folders (@/n/a/x/3.jpg)"));
    assert_int_equal(symlink("..", lists_path(lists, "@/n/a/x/back")), 0);
    Error *err = &lists->err;
    assert_int_equal(read_all(lists, "@/n"), -1);
    assert_non_null(strstr(err->text, ": 33 folders within each other: does a link lead back?"));
}

/* Parts of a dataset are not classes. */
static void test_parts_are_no_classes(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    assert_int_equal(make_folders(lists_path(lists, "@/p"), NULL), 0);
    assert_int_equal(symlink(lists_path(lists, "@/train"), lists_path(lists, "@/p/train")), 0);
    lists_files(lists, (const char *const[]){"@/p/other/1.jpg", NULL});
    const char *message = "@/p/train: a class with this name and folders alone: give train and test as such";
    unlink(lists_path(lists, "@/train/labels.txt"));
    lists_assert_error(lists, read_all(lists, "@/p"), message);
    lists_assert_error(lists, read_folders(lists, NULL, NULL, "@/p"), message);
}

static void test_strays(void **state) {
    Lists *lists = *state;
    lists_files(lists, (const char *const[]){"@/s/a/1.jpg", "@/s/list.txt", NULL});
    lists_assert_ok(lists, read_all(lists, "@/s"));
    assert_int_equal(lists->dataset.remarks.n, 0);
    lists_file(lists, "@/s/stray.jpg", "\xff\xd8\xff\xe0");
    lists_assert_ok(lists, read_all(lists, "@/s"));
    assert_string_equal(remark_at(lists, 0),
                        lists_path(lists, "@/s: 1 image beside the class folders is left out (stray.jpg)"));
    lists_file(lists, "@/s/other.png", "\x89PNG\r\n\x1a\n");
    lists_assert_ok(lists, read_all(lists, "@/s"));
    assert_string_equal(remark_at(lists, 0),
                        lists_path(lists, "@/s: 2 images beside the class folders are left out (other.png)"));
    assert_int_equal(lists->dataset.train.n, 1);
}

static void test_errors(void **state) {
    Lists *lists = *state;
    make_pets(lists);
    lists_assert_error(lists, read_folders(lists, "@/no", NULL, "@/test"),
                       "@/no: cannot open the folder: No such file or directory");
    lists_assert_error(lists, read_folders(lists, "@/train/labels.txt", NULL, "@/test"),
                       "@/train/labels.txt: cannot open the folder: Not a directory");
    lists_assert_error(lists, read_folders(lists, "@/train", NULL, "@/no"),
                       "@/no: cannot open the folder: No such file or directory");
    lists_assert_error(lists, read_folders(lists, "@/train/dog", NULL, "@/test"),
                       "@/train/dog: no subfolder (one per class)");
    lists_assert_error(lists, read_folders(lists, "@/val", NULL, "@/test"),
                       "@/val/Zebra: class without images");
    lists_files(lists, (const char *const[]){"@/test/cup/7.jpg", "@/short/dog/8.jpg", NULL});
    lists_assert_error(lists, read_folders(lists, "@/train", NULL, "@/test"),
                       "@/test: class 'cup' is not in @/train");
    lists_assert_error(lists, read_folders(lists, "@/train", "@/short", "@/train"),
                       "@/short: class 'Zebra' of @/train is missing (an empty folder will do)");
    assert_int_equal(make_folders(lists_path(lists, "@/train/\xFFx"), NULL), 0);
    lists_assert_error(lists, read_folders(lists, "@/train", NULL, "@/test"),
                       "@/train: the class name of label 3 is not UTF-8");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_three_folders), TEST(test_test_alone),           TEST(test_links),  TEST(test_one_folder),
        TEST(test_nested),        TEST(test_parts_are_no_classes), TEST(test_strays), TEST(test_errors)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
