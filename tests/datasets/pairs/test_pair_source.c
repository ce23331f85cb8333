/* test_pair_source.c: what all sources have in common. */
#define _GNU_SOURCE /* truncate */
#include "datasets/pairs/pair_source.h"

#include "clip/base/files.h"
#include "datasets/lists/remarks.h"
#include "tests/support/list_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static int get_nothing(const PairSource *source, int index, uint32_t seed, int epoch, Pair *pair,
                       Arena *arena, Error *err) {
    (void)source, (void)index, (void)seed, (void)epoch, (void)pair, (void)arena, (void)err;
    return 0;
}

static void count_close(PairSource *source) {
    ++*(int *)source->kind;
}

static void sources_have_pairs_remarks_and_a_digest(void **state) {
    Lists *lists = *state;
    char digest[65];
    int n_closed = 0;
    PairSource *source = pair_source_create(get_nothing, &lists->err);
    source->n = 3;
    source->kind = &n_closed;
    source->close = count_close;
    remark(&source->remarks, source->arena, "one");
    pair_source_hash(source, "ab", 2);
    pair_source_hash_text(source, "c");
    assert_ptr_equal(pair_source_finish(source, "x", &lists->err), source);
    assert_int_equal(pairs_count(source), 3);
    assert_string_equal(pairs_remark(source, 0), "one");
    assert_null(pairs_remark(source, 1));
    digest_bytes(digest, "abc", 4);
    assert_string_equal(pairs_digest(source), digest);
    pairs_close(source);
    assert_int_equal(n_closed, 1);
    pairs_close(NULL);
}

static void no_pairs_are_an_error(void **state) {
    Lists *lists = *state;
    int n_closed = 0;
    PairSource *source = pair_source_create(get_nothing, &lists->err);
    source->kind = &n_closed;
    source->close = count_close;
    assert_null(pair_source_finish(source, "x", &lists->err));
    lists_assert_error(lists, -1, "x: no pairs of an image and a caption");
    assert_int_equal(n_closed, 1);
}

static void only_files_of_a_sane_size_are_read(void **state) {
    Lists *lists = *state;
    Pair pair;
    const char *path = lists_file(lists, "@/a", "bytes");
    lists_assert_ok(lists, pair_read_file(&pair, path, lists->arena, &lists->err));
    assert_int_equal(pair.size, 5);
    assert_memory_equal(pair.image, "bytes", 5);
    lists_assert_ok(lists,
                    pair_read_file(&pair, lists_file(lists, "@/empty", ""), lists->arena, &lists->err));
    assert_int_equal(pair.size, 0);
    assert_int_equal(truncate(path, ((off_t)1 << 30) + 1), 0);
    int result = pair_read_file(&pair, path, lists->arena, &lists->err);
    lists_assert_error(lists, result, "@/a: too large: over 1073741824 bytes");
    path = lists_path(lists, "@/pipe");
    assert_int_equal(mkfifo(path, 0600), 0);
    result = pair_read_file(&pair, path, lists->arena, &lists->err);
    lists_assert_error(lists, result, "@/pipe: cannot open: not a regular file");
}

#define LISTS_TEST(name) cmocka_unit_test_setup_teardown(name, lists_setup, lists_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        LISTS_TEST(sources_have_pairs_remarks_and_a_digest),
        LISTS_TEST(no_pairs_are_an_error),
        LISTS_TEST(only_files_of_a_sane_size_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
