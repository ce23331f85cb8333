/* test_class_names.c: datasets/lists/class_names.c */
#include "datasets/lists/class_names.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static int rename_with(Lists *lists, const char *text) {
    static const char *present[] = {"n01", "big cat", "dog"};
    lists->dataset = (Dataset){.source = "photos", .n_classes = 3, .class_names = present};
    return class_names_apply(&lists->dataset, lists_file(lists, "@/names.txt", text), lists->arena,
                             &lists->err);
}

static void test_names(void **state) {
    Lists *lists = *state;
    lists_assert_ok(lists, rename_with(lists, "dog golden retriever\nbig cat\tlion\nn01\ttench, a fish\n"));
    lists_assert_classes(lists, "tench, a fish, lion, golden retriever");
    /* a byte order mark, CR LF, blanks, empty lines */
    lists_assert_ok(lists,
                    rename_with(lists, "\xEF\xBB\xBF\r\n big cat \t caf\xC3\xA9 \r\n\ndog  dog\r\nn01 cat"));
    lists_assert_classes(lists, "cat, caf\xC3\xA9, dog");
    /* names may change places */
    lists_assert_ok(lists, rename_with(lists, "dog big cat\nn01 dog\nbig cat\tn01\n"));
    lists_assert_classes(lists, "dog, n01, big cat");
}

static void test_errors(void **state) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "@/names.txt: no line for class 'n01' of photos"},
        {"n01 a\ndog b\n", "@/names.txt: no line for class 'big cat' of photos"},
        {"n01 a\n\ndig b\n", "@/names.txt: line 3: no class 'dig' in photos (did you mean 'dog'?)"},
        {"n01 a\nbig cat b\n", "@/names.txt: line 2: no class 'big' in photos"},
        {"n01 a\ndog b\nn01 c\n", "@/names.txt: line 3: class 'n01' comes twice (first on line 1)"},
        {"n01 a\ndog\n", "@/names.txt: line 2: 'dog' has no name behind it"},
        {"n01 a\ndog \xFF\n", "@/names.txt: line 2: the name is not UTF-8"},
        {"dog red fox\nn01 a\nbig cat\tred_fox\n",
         "@/names.txt: line 3: the name 'red fox' is that of line 1 too"},
    };
    Lists *lists = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        lists_assert_error(lists, rename_with(lists, cases[i].text), cases[i].message);
    lists_assert_error(
        lists, class_names_apply(&lists->dataset, lists_path(lists, "@/no"), lists->arena, &lists->err),
        "@/no: cannot open: No such file or directory");
}

/* With every format, and before the classes are cut down. */
static void test_formats(void **state) {
    Lists *lists = *state;
    lists_files(
        lists, (const char *const[]){"@/p/a/1", "@/p/a/2", "@/p/b/1", "@/p/b/2", "@/p/c/1", "@/p/c/2", NULL});
    lists_file(lists, "@/s.json",
               "{\"train\":[[\"a/1\",0,\"a\"],[\"b/1\",1,\"b\"],[\"c/1\",2,\"c\"]],\"val\":[],"
               "\"test\":[[\"a/2\",0,\"a\"]]}");
    lists_file(lists, "@/l.csv", "path,class\na/1,a\nb/1,b\nc/1,c\na/2,a\n");
    const char *images = lists_path(lists, "@/p");
    DatasetSpec specs[] = {{.format = "folder", .images = images},
                           {.format = "folder", .train = images, .test = images},
                           {.format = "split", .images = images, .split = lists_path(lists, "@/s.json")},
                           {.format = "csv", .images = images, .csv = lists_path(lists, "@/l.csv")}};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        specs[i].class_names = lists_file(lists, "@/names.txt", "c third\na first\nb second\n");
        lists_assert_ok(lists, dataset_open(&lists->dataset, &specs[i], lists->arena, &lists->err));
        lists_assert_classes(lists, "first, second, third");
        specs[i].subsample_classes = "new";
        lists_assert_ok(lists, dataset_open(&lists->dataset, &specs[i], lists->arena, &lists->err));
        lists_assert_classes(lists, "third");
    }
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_names), TEST(test_errors), TEST(test_formats)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
