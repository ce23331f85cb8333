/* test_lists.c: datasets/lists/lists.c */
#include "datasets/lists/lists.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_text(void **state) {
    Lists *lists = *state;
    TextPool pool = {.arena = lists->arena};
    char *kept[3000];
    assert_string_equal(text_join(&pool, NULL, "a"), "a");
    assert_string_equal(text_join(&pool, "a", "b"), "a/b");
    assert_string_equal(text_join(&pool, "a/", "b"), "a/b");
    assert_string_equal(text_join(&pool, "/", "b"), "/b");
    assert_string_equal(text_join(&pool, "", "b"), "b");
    size_t size = 200000;
    char *big = calloc(1, size + 1);
    assert_non_null(big);
    memset(big, 'x', size);
    for (int i = 0; i < 3000; i++)
        kept[i] = text_join(&pool, "folder", arena_printf(lists->arena, "%040d", i));
    assert_string_equal(text_join(&pool, NULL, big), big);
    for (int i = 0; i < 3000; i++)
        assert_int_equal(atoi(kept[i] + strlen("folder/")), i);
    free(big);
}

static void test_parts(void **state) {
    (void)state;
    for (Part part = 0; part < N_PARTS; part++)
        assert_int_equal(part_find(part_name(part), strlen(part_name(part))), part);
    assert_int_equal(part_find("valid", 3), PART_VAL);
    assert_int_equal(part_find("valid", 5), N_PARTS);
    assert_int_equal(part_find("", 0), N_PARTS);
}

static void test_push(void **state) {
    Lists *lists = *state;
    ListBuilder builder = {0};
    for (int i = 0; i < 1000; i++)
        lists_assert_ok(lists, list_push(&builder, "p", i, lists->arena, &lists->err));
    assert_int_equal(builder.list.n, 1000);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(builder.list.items[i].label, i);
}

static void test_classes(void **state) {
    Lists *lists = *state;
    TextPool pool = {.arena = lists->arena};
    ClassTable classes = {0};
    char name[] = "cat";
    lists_assert_error(lists, class_finish(&classes, "FILE", &lists->err), "FILE: no images");
    lists_assert_ok(lists, class_put(&classes, 1, name, &pool, &lists->err));
    name[0] = 'r';
    assert_string_equal(classes.names[1], "cat");
    lists_assert_error(lists, class_put(&classes, 1, name, &pool, &lists->err), "label 1 is 'cat' and 'rat'");
    lists_assert_error(lists, class_finish(&classes, "FILE", &lists->err),
                       "FILE: no image has label 0 (labels go up to 1, without gaps)");
    lists_assert_ok(lists, class_put(&classes, 0, "cat", &pool, &lists->err));
    lists_assert_ok(lists, class_put(&classes, 0, "cat", &pool, &lists->err));
    lists_assert_ok(lists, class_finish(&classes, "FILE", &lists->err));
    lists_assert_ok(lists, class_put(&classes, MAX_CLASSES - 1, "last", &pool, &lists->err));
    assert_int_equal(classes.n_classes, MAX_CLASSES);
    assert_string_equal(classes.names[0], "cat");
    lists_assert_error(lists, class_put(&classes, MAX_CLASSES, "x", &pool, &lists->err),
                       "label 1000000 is too large (at most 999999)");
    lists_assert_error(lists, class_put(&classes, 2, "\xC3", &pool, &lists->err),
                       "the class name of label 2 is not UTF-8");
}

static void test_names(void **state) {
    NamedValue names[] = {{"b", 0}, {"", 1}, {"a\xFF", 2}, {"B", 3}, {"a", 4}, {"a", 5}};
    static const int order[] = {1, 3, 4, 5, 2, 0};
    (void)state;
    names_sort(names, 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(names[i].value, order[i]);
    assert_int_equal(names_find(names, 6, "b")->value, 0);
    assert_int_equal(names_find(names, 6, "")->value, 1);
    assert_null(names_find(names, 6, "c"));
    assert_null(names_find(names, 0, "b"));
    names_sort(NULL, 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)
    const struct CMUnitTest tests[] = {TEST(test_text), TEST(test_parts), TEST(test_push), TEST(test_classes),
                                       TEST(test_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
