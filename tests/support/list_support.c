/* list_support.c: small datasets in a temporary folder. */
#include "tests/support/list_support.h"

#include "clip/base/files.h"
#include "datasets/lists/dataset_open.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int lists_setup(void **state) {
    Lists *lists = calloc(1, sizeof *lists);
    if (!lists)
        return -1;
    lists->arena = arena_create();
    *state = lists;
    return lists->arena ? scratch_setup(&lists->folder) : -1;
}

int lists_teardown(void **state) {
    Lists *lists = *state;
    int result = scratch_teardown(&lists->folder);
    arena_free(lists->arena);
    free(lists);
    return result;
}

const char *lists_path(Lists *lists, const char *text) {
    const char *folder = lists->folder, *out = "";
    for (const char *at; (at = strchr(text, '@')); text = at + 1)
        out = arena_printf(lists->arena, "%s%.*s%s", out, (int)(at - text), text, folder);
    out = arena_printf(lists->arena, "%s%s", out, text);
    assert_non_null(out);
    return out;
}

const char *lists_file(Lists *lists, const char *path, const char *text) {
    const char *at = lists_path(lists, path);
    assert_int_equal(make_folders(path_folder(lists->arena, at), NULL), 0);
    scratch_file(at, text, strlen(text));
    return at;
}

void lists_files(Lists *lists, const char *const *paths) {
    for (; *paths; paths++)
        lists_file(lists, *paths, "x");
}

int lists_open(Lists *lists, DatasetSpec spec) {
    const char **paths[] = {&spec.root,  &spec.images, &spec.split, &spec.csv,
                            &spec.train, &spec.val,    &spec.test};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (*paths[i])
            *paths[i] = lists_path(lists, *paths[i]);
    return dataset_open(&lists->dataset, &spec, lists->arena, &lists->err);
}

DatasetSpec lists_letters(Lists *lists, const char *classes) {
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

void lists_assert_error(Lists *lists, int result, const char *message) {
    assert_int_equal(result, -1);
    assert_string_equal(lists->err.text, lists_path(lists, message));
    assert_int_equal(lists->err.kind, ERROR_INPUT);
    lists->err = (Error){0};
}

void lists_assert_ok(Lists *lists, int result) {
    assert_string_equal(lists->err.text, "");
    assert_int_equal(result, 0);
}

void lists_assert_items(Lists *lists, const ItemList *list, const char *items) {
    const char *got = "";
    for (int i = 0; i < list->n; i++)
        got = arena_printf(lists->arena, "%s%s%s %d", got, i ? ", " : "", list->items[i].path,
                           list->items[i].label);
    assert_string_equal(got, lists_path(lists, items));
}

void lists_assert_classes(Lists *lists, const char *names) {
    const char *got = "";
    for (int i = 0; i < lists->dataset.n_classes; i++)
        got = arena_printf(lists->arena, "%s%s%s", got, i ? ", " : "", lists->dataset.class_names[i]);
    assert_string_equal(got, names);
}
