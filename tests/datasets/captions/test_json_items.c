/* test_json_items.c: entries of every kind of file one after the other, and files that are broken. */
#include "datasets/captions/json_items.h"

#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define LISTS_TEST(function) cmocka_unit_test_setup_teardown(function, lists_setup, lists_teardown)

static int collect(void *context, const char *place, const json_t *item, Error *err) {
    const char **all = context;
    Arena *arena = (Arena *)all[1];
    const json_t *n = json_is_object(item) ? json_object_get(item, "n") : item;
    if (!json_is_integer(n))
        return error_set(err, "no number");
    all[0] = arena_printf(arena, "%s%s=%d ", all[0], place, (int)json_integer_value(n));
    return 0;
}

static int read_items(Lists *lists, const char *text, const char **found) {
    const char *all[] = {"", (const char *)lists->arena};
    lists->err = (Error){0};
    const int status = json_items_read(lists_file(lists, "@/file", text), collect, all, &lists->err);
    *found = all[0];
    return status;
}

static void check_items(Lists *lists, const char *text, const char *expected) {
    const char *found;
    lists_assert_ok(lists, read_items(lists, text, &found));
    assert_string_equal(found, expected);
}

static void refuse_items(Lists *lists, const char *text, const char *message) {
    const char *found;
    lists_assert_error(lists, read_items(lists, text, &found), message);
}

static void lists_objects_and_lines_are_files_of_entries(void **state) {
    check_items(*state, "[{\"n\": 1}, {\"n\": 2, \"x\": [\"]\", {}]}]", "entry[0]=1 entry[1]=2 ");
    check_items(*state, "{\"7\": {\"n\": 1}, \"b\": {\"n\": 2}}", "entry '7'=1 entry 'b'=2 ");
    check_items(*state, "\n{\"n\": 1}\n\n{\"n\": 2}\n", "line 2=1 line 4=2 ");
    check_items(*state, "\xEF\xBB\xBF[]", "");
}

static void broken_files_are_refused_with_the_place(void **state) {
    refuse_items(*state, "", "@/file: empty file");
    refuse_items(*state, "hello", "@/file: byte 0: neither '[' nor '{', where a file of entries begins");
    refuse_items(*state, "[{\"n\": 1}", "@/file: byte 9: no ',' or ']' behind an entry");
    refuse_items(*state, "[{\"n\": 1}, ", "@/file: byte 11: no value");
    refuse_items(*state, "[{\"n\": 1, \"m\": \"", "@/file: byte 1: the file ends within what begins here");
    refuse_items(*state, "[{\"n\": 1}] x", "@/file: byte 11: text behind the end");
    refuse_items(*state, "[{\"n\": 1]]", "@/file: entry[0]: '}' expected near ']'");
    refuse_items(*state, "[{\"n\": 1, \"n\": 2}]", "@/file: entry[0]: duplicate object key near '\"n\"'");
    refuse_items(*state, "[{\"n\": \"x\"}]", "@/file: entry[0]: no number");
    refuse_items(*state, "{\"a\": {\"n\": 1} \"b\"", "@/file: byte 15: no ',' or '}' behind a value");
    refuse_items(*state, "{\"n\": 1}\n{\"n\": []}", "@/file: line 2: no number");
}

static void parts_are_taken_and_the_rest_stepped_over(void **state) {
    Lists *lists = *state;
    const char *all[] = {"", (const char *)lists->arena};
    JsonPart parts[] = {{.key = "list", .take = collect, .is_list = true, .needed = true},
                        {.key = "one", .take = collect}};
    const char *path =
        lists_file(lists, "@/file", "{\"x\": {\"list\": []}, \"one\": 5, \"list\": [6, 7], \"y\": null}");
    lists_assert_ok(lists, json_parts_read(path, parts, 2, all, &lists->err));
    assert_string_equal(all[0], "one=5 list[0]=6 list[1]=7 ");
    parts[0].seen = parts[1].seen = false;
    path = lists_file(lists, "@/file", "{\"one\": 5}");
    lists_assert_error(lists, json_parts_read(path, parts, 2, all, &lists->err), "@/file: no 'list'");
    parts[0].seen = parts[1].seen = false;
    path = lists_file(lists, "@/file", "{\"one\": 5, \"one\": 6}");
    lists->err = (Error){0};
    lists_assert_error(lists, json_parts_read(path, parts, 2, all, &lists->err),
                       "@/file: one: this key comes twice");
}

int main(void) {
    const struct CMUnitTest tests[] = {LISTS_TEST(lists_objects_and_lines_are_files_of_entries),
                                       LISTS_TEST(broken_files_are_refused_with_the_place),
                                       LISTS_TEST(parts_are_taken_and_the_rest_stepped_over)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
