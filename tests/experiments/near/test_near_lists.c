/* test_near_lists.c: the file of lists: what is written is read; what is cut, flipped, or of another index is
 * refused, and no byte of it can do harm. */
#include "experiments/near/near_build.h"
#include "experiments/near/near_search.h"

#include "clip/base/checksum.h"
#include "tests/experiments/near/near_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { N = 400 };

typedef struct {
    char path[512], near[600];
    PhotoIndex *index;
} Made;

static void make(Made *made, void **state) {
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    near_support_add(scratch_path(state, "index", made->path, 512), &kind, 0, N, 0);
    made->index = near_support_open(made->path);
    Arena *arena = arena_create();
    snprintf(made->near, sizeof made->near, "%s", near_lists_path(made->path, arena));
    arena_free(arena);
    NearLists *lists = near_build(made->index, NULL, &err);
    assert_non_null(lists);
    assert_int_equal(near_measure(lists, made->index, 20, NULL, 0, NULL, &err), 0);
    assert_int_equal(near_lists_write(lists, made->index, made->near, &err), 0);
    near_lists_close(lists);
}

static void refused(const Made *made, const PhotoIndex *index, const char *why) {
    Error err = {0};
    NearLists *lists = near_lists_open(made->near, index, &err);
    if (lists)
        fail_msg("not refused: %s", why);
    if (!strstr(err.text, why) || !strstr(err.text, ".near"))
        fail_msg("'%s' is not in: %s", why, err.text);
}

static void what_is_written_is_read(void **state) {
    near_support_need();
    Made made;
    Error err = {0};
    make(&made, state);
    NearLists *made_now = near_build(made.index, NULL, &err);
    NearLists *lists = near_lists_open(made.near, made.index, &err);
    assert_non_null(lists);
    assert_int_equal(lists->K, made_now->K);
    assert_memory_equal(lists->centres, made_now->centres, (size_t)lists->K * SUPPORT_E * 4);
    assert_memory_equal(lists->starts, made_now->starts, ((size_t)lists->K + 1) * 4);
    assert_memory_equal(lists->numbers, made_now->numbers, N * 4);
    assert_true(lists->n_recall > 1 && lists->recall[1].probes == 2 && lists->recall[1].texts < 0);
    near_lists_close(lists);
    near_lists_close(made_now);
    photo_index_close(made.index);
}

/* Rows are read when they are used: then a flipped bit of theirs is found. */
static void damaged_rows(const Made *made) {
    Error err = {0};
    Found found[3];
    int n;
    float query[SUPPORT_E];
    near_support_feature(query, 1);
    NearLists *lists = near_lists_open(made->near, made->index, &err);
    if (!lists)
        fail_msg("%s", err.text);
    assert_int_equal(near_search(found, &n, lists, made->index, query, 3, lists->K, NULL, &err), -1);
    assert_non_null(strstr(err.text, ".near: damaged: the rows of list"));
    near_lists_close(lists);
}

static void cut_or_flipped_is_refused(void **state) {
    near_support_need();
    Made made;
    Error err = {0};
    size_t size;
    make(&made, state);
    Arena *arena = arena_create();
    unsigned char *bytes = file_bytes(made.near, &size, arena, &err);
    const size_t rows_end = 64 + (size_t)N * SUPPORT_E * 2; /* a multiple of 64 */
    for (size_t at = 0; at < size; at += at < 200 ? 1 : 97) {
        scratch_flip(made.near, at, (unsigned char)(1 << at % 8));
        if (at >= 64 && at < rows_end)
            damaged_rows(&made);
        else
            refused(&made, made.index, ".near");
        scratch_flip(made.near, at, (unsigned char)(1 << at % 8));
    }
    for (size_t cut = 0; cut < size; cut += cut < 100 ? 1 : 997) {
        scratch_file(made.near, bytes, cut);
        refused(&made, made.index, "damaged");
    }
    assert_int_equal(unlink(made.near), 0);
    refused(&made, made.index, "No such file");
    arena_free(arena);
    photo_index_close(made.index);
}

/* With a checksum that fits. */
static void lists_that_lead_nowhere_are_refused(void **state) {
    near_support_need();
    Made made;
    Error err = {0};
    size_t size;
    make(&made, state);
    Arena *arena = arena_create();
    unsigned char *bytes = file_bytes(made.near, &size, arena, &err);
    unsigned char *copy = arena_alloc(arena, size, 1);
    const size_t numbers = size - 4 - N * 4;
    const size_t sums = numbers - 4 * 80; /* as many lists */
    const size_t places[] = {size - 8, sums - 4, sums - 8, sums - 4 * 60, 24, 32, 40, 48};
    for (int i = 0; i < 8; i++) {
        memcpy(copy, bytes, size);
        memset(copy + places[i], 0xee, 4);
        const uint32_t sum = checksum(0, copy, size - 4);
        memcpy(copy + size - 4, &sum, 4);
        scratch_file(made.near, copy, size);
        refused(&made, made.index, ".near");
    }
    arena_free(arena);
    photo_index_close(made.index);
}

/* An index may grow by a quarter; another one, and the same written anew, has lists of its own. */
static void of_another_state_is_refused(void **state) {
    near_support_need();
    Made made;
    char other[512];
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    make(&made, state);
    photo_index_close(made.index);
    near_support_add(made.path, &kind, N, N / 4, 3);
    PhotoIndex *index = near_support_open(made.path);
    NearLists *lists = near_lists_open(made.near, index, &err);
    assert_non_null(lists);
    assert_int_equal(lists->n, N);
    near_lists_close(lists);
    photo_index_close(index);
    near_support_add(made.path, &kind, 2 * N, 1, 0);
    index = near_support_open(made.path);
    refused(&made, index, "made when the index had 400 entries; it has 501");
    photo_index_close(index);
    IndexWriter *writer = index_writer_open(made.path, &kind, &err);
    assert_int_equal(index_writer_compact(writer, &err), 0);
    index_writer_close(writer);
    index = near_support_open(made.path);
    refused(&made, index, "made of another index");
    photo_index_close(index);
    near_support_add(scratch_path(state, "other", other, sizeof other), &kind, 7, N, 0);
    index = near_support_open(other);
    refused(&made, index, "made of another index");
    photo_index_close(index);
}

/* Nothing is left of a file that cannot be written. */
static void a_failed_write_leaves_nothing(void **state) {
    near_support_need();
    Made made;
    char nowhere[600];
    Error err = {0};
    make(&made, state);
    NearLists *lists = near_lists_open(made.near, made.index, &err);
    assert_non_null(lists);
    const int before = scratch_count(state);
    scratch_path(state, "none/index.near", nowhere, sizeof nowhere);
    assert_int_equal(near_lists_write(lists, made.index, nowhere, &err), -1);
    assert_int_equal(scratch_count(state), before);
    near_lists_close(lists);
    photo_index_close(made.index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_written_is_read),
        TEST(cut_or_flipped_is_refused),
        TEST(lists_that_lead_nowhere_are_refused),
        TEST(of_another_state_is_refused),
        TEST(a_failed_write_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
