/* test_list_check.c: datasets/lists/list_check.c: images that are missing or broken, one or many of them. */
#include "datasets/lists/list_check.h"

#include "clip/base/files.h"
#include "tests/support/image_support.h"
#include "tests/support/list_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_check_images(void **state) {
    static const char *const images[] = {"e1", "a1", "d1", "b1", "c1", "a2",
                                         "d2", "c2", "a3", "b3", "d3", "e3"};
    Lists *lists = *state;
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, NULL)));
    lists_assert_error(
        lists, dataset_check_images(&lists->dataset, NULL, &lists->err),
        "@/letters/split_zhou_letters.json: images: @/letters/images: No such file or directory");
    for (size_t i = 0; i < sizeof images / sizeof *images; i++)
        lists_file(lists, arena_printf(lists->arena, "@/letters/images/%s", images[i]), "x");
    lists_assert_error(
        lists, dataset_check_images(&lists->dataset, NULL, &lists->err),
        "@/letters/split_zhou_letters.json: test[2]: @/letters/images/c3: No such file or directory");
    /* c is a base class; the place is still that in the file. */
    lists_assert_ok(lists, lists_open(lists, lists_letters(lists, "new")));
    lists_assert_ok(lists, dataset_check_images(&lists->dataset, NULL, &lists->err));
    assert_int_equal(unlink(lists_path(lists, "@/letters/images/e3")), 0);
    assert_int_equal(make_folders(lists_path(lists, "@/letters/images/e3"), NULL), 0);
    lists_assert_error(lists, dataset_check_images(&lists->dataset, NULL, &lists->err),
                       "@/letters/split_zhou_letters.json: test[4]: @/letters/images/e3: not a file");
}

/* All are counted, the first are kept in the order of the lists. */
static void test_many_missing(void **state) {
    Lists *lists = *state;
    ImageFaults faults;
    const char *rows = "path,class,split\n";
    for (int i = 0; i < 30; i++)
        rows = arena_printf(lists->arena, "%s%02d,%c,%s\n", rows, i, 'a' + i % 2, i < 15 ? "test" : "train");
    lists_file(lists, "@/list.csv", rows);
    lists_file(lists, "@/16", "x");
    lists_file(lists, "@/03", "x");
    lists_assert_ok(lists, lists_open(lists, (DatasetSpec){.format = "csv", .csv = "@/list.csv"}));
    lists_assert_error(lists, dataset_check_images(&lists->dataset, &faults, &lists->err),
                       "@/list.csv: train[0]: @/15: No such file or directory");
    assert_int_equal(faults.n, 28);
    assert_string_equal(faults.first[9].err.text,
                        lists_path(lists, "@/list.csv: train[10]: @/25: No such file or directory"));
}

static void test_content(void **state) {
    Lists *lists = *state;
    Bytes good = make_any_jpeg(&(JpegKind){.width = 16, .height = 16, .channels = 3});
    char *path;
    for (int i = 0; i < 40; i++) {
        path = arena_printf(lists->arena, "@/set/%c/%02d.jpg", 'a' + i % 2, i);
        lists_file(lists, path, "");
        if (i % 8 != 5) /* cut short where i is 13 */
            scratch_file(lists_path(lists, path), good.data, i == 13 ? good.size / 2 : good.size);
    }
    scratch_file(lists_path(lists, "@/set/b/13.jpg"), good.data, good.size / 2);
    free(good.data);
    DatasetSpec spec = {.format = "folder", .test = "@/set"};
    lists_assert_ok(lists, lists_open(lists, spec));
    for (int n_threads = 1; n_threads < 4; n_threads++) {
        ImageFaults faults;
        Pool *pool = pool_create(n_threads);
        lists_assert_error(lists, dataset_check_content(&lists->dataset, pool, &faults, &lists->err),
                           "@/set/b/05.jpg: start: the file is empty");
        assert_int_equal(faults.n, 5);
        assert_non_null(strstr(faults.first[1].err.text, "b/13.jpg: "));
        assert_non_null(strstr(faults.first[1].err.text, "cut short"));
        assert_non_null(strstr(faults.first[4].err.text, "b/37.jpg: start: the file is empty"));
        pool_free(pool);
    }
    for (int i = 5; i < 40; i += 8)
        unlink(lists_path(lists, arena_printf(lists->arena, "@/set/b/%02d.jpg", i)));
    lists_assert_ok(lists, lists_open(lists, spec));
    ImageFaults faults;
    lists_assert_ok(lists, dataset_check_content(&lists->dataset, NULL, &faults, &lists->err));
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_check_images), TEST(test_many_missing), TEST(test_content)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
