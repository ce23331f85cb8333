/* test_parcel.c: what is packed comes out again, and a block that is cut short gives nothing wrong. */
#include "experiments/ranks/parcel.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *const names[] = {"a", "b", "c", NULL};

static void pack(Buffer *out) {
    Error err = {0};
    error_run(&err, "no luck");
    parcel_int(out, -7);
    parcel_text(out, NULL);
    parcel_text(out, "");
    parcel_text(out, "text");
    parcel_bytes(out, "1\0002", 3);
    parcel_error(out, &err);
}

static void test_values(void **state) {
    (void)state;
    Buffer out = {0};
    Error err;
    char three[3];
    pack(&out);
    Parcel in = parcel_open(buffer_text(&out), out.size);
    assert_int_equal(parcel_read_int(&in), -7);
    assert_null(parcel_read_text(&in));
    assert_string_equal(parcel_read_text(&in), "");
    assert_string_equal(parcel_read_text(&in), "text");
    parcel_read_into(&in, three, 3);
    assert_memory_equal(three, "1\0002", 3);
    parcel_read_error(&in, &err);
    assert_string_equal(err.text, "no luck");
    assert_false(in.failed);
    parcel_read_int(&in);
    assert_true(in.failed);
    buffer_free(&out);
}

/* No byte behind the end is read (a checker of memory would see it). */
static void test_cut(void **state) {
    (void)state;
    Buffer out = {0};
    pack(&out);
    for (size_t size = 0; size < out.size; size++) {
        Error err;
        char three[3];
        Parcel in = parcel_open(out.bytes, size);
        parcel_read_int(&in);
        for (int i = 0; i < 3; i++)
            parcel_read_text(&in);
        parcel_read_into(&in, three, 3);
        parcel_read_error(&in, &err);
        assert_true(in.failed);
        assert_int_equal(err.kind, ERROR_NONE);
    }
    buffer_free(&out);
}

/* What the other has, what it has no more, and what is no affair of it. */
static void test_files(void **state) {
    Buffer out = {0};
    char from[4096], to[4096], path[4200];
    Error err = {0};
    Arena *arena = arena_create();
    assert_int_equal(make_folders(scratch_path(state, "from", from, sizeof from), &err), 0);
    assert_int_equal(make_folders(scratch_path(state, "to/deep", to, sizeof to), &err), 0);
    scratch_file(path_join(arena, from, "a"), "1\0002", 3);
    scratch_file(path_join(arena, from, "c"), "", 0);
    scratch_file(path_join(arena, from, "notes"), "x", 1);
    scratch_file(path_join(arena, to, "b"), "old", 3);
    scratch_file(path_join(arena, to, "own"), "own", 3);
    assert_int_equal(parcel_files(&out, from, names, &err), 0);
    Parcel in = parcel_open(buffer_text(&out), out.size);
    assert_int_equal(parcel_read_files(&in, to, names, &err), 0);
    size_t size;
    const unsigned char *a = file_bytes(path_join(arena, to, "a"), &size, arena, &err);
    assert_int_equal(size, 3);
    assert_memory_equal(a, "1\0002", 3);
    static const char *const there[] = {"a", "c", "own"}, *const not_there[] = {"b", "notes"};
    for (int i = 0; i < 3; i++)
        assert_true(file_exists(path_join(arena, to, there[i])));
    for (int i = 0; i < 2; i++)
        assert_false(file_exists(path_join(arena, to, not_there[i])));
    buffer_free(&out);
    /* A name that is not asked for is refused, wherever it would lead. */
    parcel_text(&out, "../up");
    parcel_bytes(&out, "x", 1);
    in = parcel_open(buffer_text(&out), out.size);
    assert_int_equal(parcel_read_files(&in, to, names, &err), -1);
    snprintf(path, sizeof path, "%s/../up", to);
    assert_false(file_exists(path));
    buffer_free(&out);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values), cmocka_unit_test(test_cut),
        cmocka_unit_test_setup_teardown(test_files, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
