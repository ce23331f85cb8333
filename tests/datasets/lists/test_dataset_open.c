/* test_dataset_open.c: datasets/lists/dataset_open.c */
#include "datasets/lists/dataset_open.h"
#include "datasets/lists/list_check.h"

#include "clip/base/files.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_formats(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, NULL)));
    assert_string_equal(lists->dataset.name, "letters");
    assert_int_equal(lists->dataset.train.n, 6);
    assert_null(lists->dataset.whole);

    lists_file(lists, "@/sheets/pets.csv", "path,class,split\na,cat,train\n");
    lists_assert_ok(lists, lists_open(lists, (DatasetSpec){.format = "csv", .csv = "@/sheets/pets.csv"}));
    assert_string_equal(lists->dataset.name, "pets");
    assert_string_equal(lists->dataset.root, lists_path(lists, "@/sheets"));
    DatasetSpec csv = {.name = "mine", .format = "csv", .csv = "@/sheets/pets.csv", .images = "@"};
    lists_assert_ok(lists, lists_open(lists, csv));
    assert_string_equal(lists->dataset.name, "mine");
    assert_string_equal(lists->dataset.root, lists_path(lists, "@"));

    lists_files(lists, (const char *const[]){"@/shapes/train/cup/1", "@/shapes/test/cup/2", NULL});
    DatasetSpec folder = {.format = "folder", .train = "@/shapes/train/", .test = "@/shapes/test"};
    lists_assert_ok(lists, lists_open(lists, folder));
    assert_string_equal(lists->dataset.name, "shapes");
    lists_assert_classes(lists, "cup");
}

static void test_spec_errors(void **state) {
    static const struct {
        DatasetSpec spec;
        const char *message;
    } cases[] = {
        {{0}, "dataset: give a name with root, or a format (split, folder or csv)"},
        {{.root = "@"}, "dataset: give a name with root, or a format (split, folder or csv)"},
        {{.name = "dtd"}, "dataset: 'dtd' needs root, the folder that holds the datasets"},
        {{.name = "dtdd", .root = "@"}, "dataset: unknown name 'dtdd' (did you mean 'dtd'?)"},
        {{.name = "dtd", .root = "@"}, "@/dtd: no such folder (dataset dtd)"},
        {{.format = "zip"}, "dataset: unknown format 'zip' (split, folder or csv)"},
        {{.format = "split", .images = "@"}, "dataset: format split needs split, the JSON file"},
        {{.format = "split", .split = "@/s"}, "dataset: format split needs images, the folder of the images"},
        {{.format = "csv"}, "dataset: format csv needs csv, the file"},
        {{.format = "folder"},
         "dataset: format folder needs images, or test: folders with a subfolder per class"},
        {{.format = "folder", .train = "@"},
         "dataset: format folder needs images, or test: folders with a subfolder per class"},
        {{.format = "folder", .images = "@", .p_trn = 0.75, .p_val = 0.25},
         "dataset: p_trn 0.75 and p_val 0.25 leave nothing to test on"},
        {{.format = "csv", .csv = "@/given.csv", .draw_asked = true},
         "@/given.csv: line 1: the column 'split' leaves nothing to p_trn, p_val and split_seed"},
        {{.format = "folder", .val = "@", .test = "@"}, "dataset: format folder has val without train"},
        {{.name = "dtd", .root = "@", .subsample_classes = "old"},
         "dataset: unknown subsample_classes 'old' (all, base or new)"},
    };
    Lists *lists = *state;
    lists_file(lists, "@/given.csv", "path,class,split\na,cat,train\n");
    lists_files(lists, (const char *const[]){"@/cat/1", NULL});
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        lists_assert_error(lists, lists_open(lists, cases[i].spec), cases[i].message);
}

/* "~/" in every path of a spec. */
static void test_home(void **state) {
    Lists *lists = *state;
    const char *home = getenv("HOME");
    char *before = home ? strdup(home) : NULL;
    lists_file(lists, "@/b.csv", "path,class,split\na,cat,train\n");
    assert_int_equal(setenv("HOME", lists_path(lists, "@"), 1), 0);
    DatasetSpec spec = {.format = "csv", .csv = "~/b.csv"};
    lists_assert_ok(lists, dataset_open(&lists->dataset, &spec, lists->arena, &lists->err));
    assert_string_equal(lists->dataset.source, lists_path(lists, "@/b.csv"));
    if (before)
        setenv("HOME", before, 1);
    free(before);
}

static void test_shared_photos(void **state) {
    Lists *lists = *state;
    DatasetSpec spec = {.format = "split",
                        .images = "../shared/photos/tiny_novel/images",
                        .split = "../shared/photos/tiny_novel/split_zhou_tiny_novel.json"};
    if (!file_exists(spec.split)) {
        print_message("skipped: %s is not there\n", spec.split);
        skip();
    }
    lists_assert_ok(lists, dataset_open(&lists->dataset, &spec, lists->arena, &lists->err));
    assert_string_equal(lists->dataset.name, "tiny_novel");
    assert_int_equal(lists->dataset.n_classes, 20);
    assert_int_equal(lists->dataset.train.n, 640);
    assert_int_equal(lists->dataset.val.n, 160);
    assert_int_equal(lists->dataset.test.n, 1000);
    assert_string_equal(lists->dataset.class_names[0], "Egyptian_cat");
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_formats), TEST(test_spec_errors), TEST(test_home),
                                       TEST(test_shared_photos)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
