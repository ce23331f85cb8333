/* test_file_digests.c: a digest is remembered while the file looks the same, and no longer. */
#include "datasets/features/file_digests.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void remembered_while_it_looks_the_same(void **state) {
    char path[4096];
    Error err = {0};
    Arena *arena = arena_create();
    FileDigests *digests = file_digests_create();
    scratch_file(scratch_path(state, "a", path, sizeof path), "abc", 3);
    Digest abc = digest_of("abc", 3), invented = digest_of("x", 1);
    FileDigest first, again;
    assert_int_equal(file_digests_get(&first, digests, path, arena, &err), 0);
    assert_true(digest_equal(&first.digest, &abc));

    assert_false(first.settled); /* it was written just now, so it is not remembered */
    first.digest = invented;
    assert_int_equal(file_digests_keep(digests, path, &first, &err), 0);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &abc));

    first.settled = true; /* as if it had been written long ago: memory is believed */
    assert_int_equal(file_digests_keep(digests, path, &first, &err), 0);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &invented));

    scratch_file(path, "abcd", 4);
    Digest abcd = digest_of("abcd", 4);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &abcd));
    again.settled = true;
    assert_int_equal(file_digests_keep(digests, path, &again, &err), 0); /* replaces */
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &abcd));
    assert_int_equal(arena_used(arena), 0);
    file_digests_free(digests);
    arena_free(arena);
}

static void missing_files_and_folders_are_named(void **state) {
    char path[4096];
    Error err = {0};
    FileDigest digest;
    Arena *arena = arena_create();
    FileDigests *digests = file_digests_create();
    scratch_path(state, "none", path, sizeof path);
    assert_int_equal(file_digests_get(&digest, digests, path, arena, &err), -1);
    assert_non_null(strstr(err.text, "/none: cannot open: No such file"));
    assert_int_equal(file_digests_get(&digest, digests, *state, arena, &err), -1);
    assert_memory_equal(err.text, *state, strlen(*state));
    file_digests_free(digests);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(remembered_while_it_looks_the_same, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(missing_files_and_folders_are_named, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
