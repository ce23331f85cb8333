/* test_file_digests.c: a digest is remembered while the file looks the same, and no longer. */
#include "datasets/features/file_digests.h"

#include "tests/support/image_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void remembered_while_it_looks_the_same(void **state) {
    char path[4096];
    Error err = {0};
    Arena *arena = arena_create();
    FileDigests *digests = file_digests_create();
    Bytes file = make_any_jpeg(&(JpegKind){.width = 8, .height = 8, .channels = 1});
    scratch_file(scratch_path(state, "a", path, sizeof path), file.data, file.size);
    Digest shorter = digest_of(file.data, file.size), invented = digest_of("x", 1);
    FileDigest first, again;
    assert_int_equal(file_digests_get(&first, digests, path, arena, &err), 0);
    assert_true(digest_equal(&first.digest, &shorter));

    assert_false(first.settled); /* it was written just now, so it is not remembered */
    first.digest = invented;
    assert_int_equal(file_digests_keep(digests, path, &first, &err), 0);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &shorter));

    first.settled = true; /* as if it had been written long ago: memory is believed */
    assert_int_equal(file_digests_keep(digests, path, &first, &err), 0);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &invented));

    bytes_insert(&file, file.size, "d", 1);
    scratch_file(path, file.data, file.size);
    Digest longer = digest_of(file.data, file.size);
    free(file.data);
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &longer));
    again.settled = true;
    assert_int_equal(file_digests_keep(digests, path, &again, &err), 0); /* replaces */
    assert_int_equal(file_digests_get(&again, digests, path, arena, &err), 0);
    assert_true(digest_equal(&again.digest, &longer));
    assert_int_equal(arena_used(arena), 0);
    file_digests_free(digests);
    arena_free(arena);
}

static void what_is_no_image_is_named(void **state) {
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
    scratch_file(scratch_path(state, "text", path, sizeof path), "abc", 3);
    assert_int_equal(file_digests_get(&digest, digests, path, arena, &err), -1);
    assert_non_null(strstr(
        err.text, "/text: start: no image that coop reads (JPEG, PNG, WebP, GIF, TIFF, BMP, HEIC and AVIF)"));
    assert_int_equal(arena_used(arena), 0);
    file_digests_free(digests);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(remembered_while_it_looks_the_same, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(what_is_no_image_is_named, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
