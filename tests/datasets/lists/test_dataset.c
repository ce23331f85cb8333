/* test_dataset.c: datasets/lists/dataset.c */
#include "clip/base/files.h"
#include "datasets/lists/dataset.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static int open_spec(Lists *lists, DatasetSpec spec) {
    const char **paths[] = {&spec.root,  &spec.images, &spec.split, &spec.csv,
                            &spec.train, &spec.val,    &spec.test};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (*paths[i])
            *paths[i] = lists_path(lists, *paths[i]);
    return dataset_open(&lists->dataset, &spec, lists->arena, &lists->err);
}

/* Five classes a to e; training images out of order. */
static DatasetSpec letters(Lists *lists, const char *classes) {
    lists_file(
        lists, "@/letters/split_zhou_letters.json",
        "{\"train\":[[\"e1\",4,\"e\"],[\"a1\",0,\"a\"],[\"d1\",3,\"d\"],[\"b1\",1,\"b\"],[\"c1\",2,\"c\"],"
        "[\"a2\",0,\"a\"]],"
        "\"val\":[[\"d2\",3,\"d\"],[\"c2\",2,\"c\"]],"
        "\"test\":[[\"a3\",0,\"a\"],[\"b3\",1,\"b\"],[\"c3\",2,\"c\"],[\"d3\",3,\"d\"],[\"e3\",4,\"e\"]]}");
    return (DatasetSpec){.format = "split",
                         .images = "@/letters/images",
                         .split = "@/letters/split_zhou_letters.json",
                         .subsample_classes = classes};
}

static void test_formats(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, open_spec(lists, letters(lists, NULL)));
    assert_string_equal(lists->dataset.name, "letters");
    assert_int_equal(lists->dataset.train.n, 6);
    assert_null(lists->dataset.whole);

    lists_file(lists, "@/sheets/pets.csv", "path,class,split\na,cat,train\n");
    lists_assert_ok(lists, open_spec(lists, (DatasetSpec){.format = "csv", .csv = "@/sheets/pets.csv"}));
    assert_string_equal(lists->dataset.name, "pets");
    assert_string_equal(lists->dataset.root, lists_path(lists, "@/sheets"));
    DatasetSpec csv = {.name = "mine", .format = "csv", .csv = "@/sheets/pets.csv", .images = "@"};
    lists_assert_ok(lists, open_spec(lists, csv));
    assert_string_equal(lists->dataset.name, "mine");
    assert_string_equal(lists->dataset.root, lists_path(lists, "@"));

    lists_files(lists, (const char *const[]){"@/shapes/train/cup/1", "@/shapes/test/cup/2", NULL});
    DatasetSpec folder = {.format = "folder", .train = "@/shapes/train/", .test = "@/shapes/test"};
    lists_assert_ok(lists, open_spec(lists, folder));
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
        {{.name = "dtdd", .root = "@"}, "dataset: unknown name 'dtdd' (the nearest known one is 'dtd')"},
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
        lists_assert_error(lists, open_spec(lists, cases[i].spec), cases[i].message);
}

static void test_base_and_new(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, open_spec(lists, letters(lists, "base")));
    lists_assert_classes(lists, "a, b, c");
    lists_assert_items(lists, &lists->dataset.train, "a1 0, b1 1, c1 2, a2 0");
    lists_assert_items(lists, &lists->dataset.val, "c2 2");
    lists_assert_items(lists, &lists->dataset.test, "a3 0, b3 1, c3 2");
    lists_assert_ok(lists, open_spec(lists, letters(lists, "new")));
    lists_assert_classes(lists, "d, e");
    lists_assert_items(lists, &lists->dataset.train, "e1 1, d1 0");
    lists_assert_items(lists, &lists->dataset.val, "d2 0");
    lists_assert_items(lists, &lists->dataset.test, "d3 0, e3 1");
    assert_int_equal(lists->dataset.whole->n_classes, 5);
    assert_int_equal(lists->dataset.whole->train.n, 6);
    assert_int_equal(lists->dataset.first_class, 3);
    lists_assert_ok(lists, open_spec(lists, letters(lists, "all")));
    lists_assert_classes(lists, "a, b, c, d, e");
}

static void test_missing_classes(void **state) {
    Lists *lists = *state;
    DatasetSpec spec = {.format = "split", .images = "@", .split = "@/s.json"};
    lists_file(lists, "@/s.json",
               "{\"train\":[[\"a\",0,\"a\"],[\"c\",2,\"c\"]],\"val\":[],\"test\":[[\"b\",1,\"cup\"]]}");
    lists_assert_error(lists, open_spec(lists, spec), "@/s.json: class 'cup' (label 1): no training images");
    lists_file(lists, "@/s.json", "{\"train\":[],\"val\":[[\"a\",0,\"a\"]],\"test\":[[\"b\",1,\"cup\"]]}");
    lists_assert_error(lists, open_spec(lists, spec), "@/s.json: class 'a' (label 0): no test images");
    lists_file(lists, "@/s.json", "{\"train\":[],\"val\":[[\"a\",0,\"a\"]],\"test\":[]}");
    lists_assert_error(lists, open_spec(lists, spec), "@/s.json: neither training nor test images");
    lists_file(lists, "@/s.json", "{\"train\":[[\"a\",0,\"a\"]],\"val\":[],\"test\":[]}");
    lists_assert_ok(lists, open_spec(lists, spec));
    spec.subsample_classes = "base";
    lists_assert_ok(lists, open_spec(lists, spec));
    spec.subsample_classes = "new";
    lists_assert_error(lists, open_spec(lists, spec),
                       "@/s.json: subsample_classes new: the only class is a base class");
}

static void test_check_images(void **state) {
    static const char *const images[] = {"e1", "a1", "d1", "b1", "c1", "a2",
                                         "d2", "c2", "a3", "b3", "d3", "e3"};
    Lists *lists = *state;
    lists_assert_ok(lists, open_spec(lists, letters(lists, NULL)));
    lists_assert_error(
        lists, dataset_check_images(&lists->dataset, &lists->err),
        "@/letters/split_zhou_letters.json: images: @/letters/images: No such file or directory");
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        lists_file(lists, arena_printf(lists->arena, "@/letters/images/%s", images[i]), "x");
    lists_assert_error(
        lists, dataset_check_images(&lists->dataset, &lists->err),
        "@/letters/split_zhou_letters.json: test[2]: @/letters/images/c3: No such file or directory");
    /* c is a base class; the place is still that in the file. */
    lists_assert_ok(lists, open_spec(lists, letters(lists, "new")));
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, &lists->err));
    assert_int_equal(unlink(lists_path(lists, "@/letters/images/e3")), 0);
    assert_int_equal(make_folders(lists_path(lists, "@/letters/images/e3"), NULL), 0);
    lists_assert_error(lists, dataset_check_images(&lists->dataset, &lists->err),
                       "@/letters/split_zhou_letters.json: test[4]: @/letters/images/e3: not a file");
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
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, &lists->err));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {
        TEST(test_formats),      TEST(test_spec_errors), TEST(test_base_and_new), TEST(test_missing_classes),
        TEST(test_check_images), TEST(test_home),        TEST(test_shared_photos)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
