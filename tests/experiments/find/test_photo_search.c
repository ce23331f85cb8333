/* test_photo_search.c: what is folded, how many are found then, and damage that is named rather than shown.
 */
#include "experiments/find/photo_search.h"

#include "tests/datasets/index/index_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 300, ALIKE = 10 };

/* Thirty photos, each ten times, with a little noise. */
static PhotoIndex *make_index(void **state, char path[512]) {
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    Error err = {0};
    IndexWriter *writer = index_writer_open(scratch_path(state, "index", path, 512), &kind, &err);
    assert_non_null(writer);
    for (uint32_t i = 0; i < N; i++) {
        float feature[SUPPORT_E], noise[SUPPORT_E], sum = 0;
        char name[64];
        const IndexEntry entry = support_entry(i, name);
        support_feature(feature, SUPPORT_E, i % (N / ALIKE));
        support_feature(noise, SUPPORT_E, 1000 + i);
        for (int k = 0; k < SUPPORT_E; k++) {
            feature[k] += 0.01f * noise[k];
            sum += feature[k] * feature[k];
        }
        for (int k = 0; k < SUPPORT_E; k++)
            feature[k] /= sqrtf(sum);
        assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
    }
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
    PhotoIndex *index = photo_index_open(path, &err);
    assert_non_null(index);
    return index;
}

static void near_duplicates_are_folded(void **state) {
    char path[512];
    float query[SUPPORT_E];
    FoundPhoto *photos;
    int n, all = 0;
    Error err = {0};
    PhotoIndex *index = make_index(state, path);
    Arena *arena = arena_create();
    support_feature(query, SUPPORT_E, 7);
    assert_int_equal(photo_search(&photos, &n, index, NULL, query, 12, 0.99, NULL, arena, &err), 0);
    assert_int_equal(n, 12);
    assert_int_equal(photos[0].number % (N / ALIKE), 7);
    for (int i = 0; i < n; i++) {
        for (int j = 0; j < i; j++)
            assert_true(photos[i].number % (N / ALIKE) != photos[j].number % (N / ALIKE));
        assert_true(i == 0 || photos[i].score <= photos[i - 1].score);
        assert_int_equal(photos[i].state, PHOTO_GONE);
    }
    /* with more than there are, each of the thirty once, and all of the others folded */
    assert_int_equal(photo_search(&photos, &n, index, NULL, query, N, 0.99, NULL, arena, &err), 0);
    assert_int_equal(n, N / ALIKE);
    for (int i = 0; i < n; i++)
        all += 1 + photos[i].n_alike;
    assert_int_equal(all, N);
    assert_int_equal(photo_search(&photos, &n, index, NULL, query, 2 * N, 3, NULL, arena, &err), 0);
    assert_int_equal(n, N);
    arena_free(arena);
    photo_index_close(index);
}

/* A bit that changes a score a little is found when the photo is shown. */
static void what_is_shown_is_whole(void **state) {
    char path[512];
    float query[SUPPORT_E];
    FoundPhoto *photos;
    int n;
    Error err = {0};
    PhotoIndex *index = make_index(state, path);
    Arena *arena = arena_create();
    support_feature(query, SUPPORT_E, 7);
    assert_int_equal(photo_search(&photos, &n, index, NULL, query, 1, 3, NULL, arena, &err), 0);
    const size_t at = (size_t)(photo_index_row(index, photos[0].number) - index->map.data);
    photo_index_close(index);
    scratch_flip(path, at, 1);
    index = photo_index_open(path, &err);
    assert_non_null(index);
    assert_int_equal(photo_search(&photos, &n, index, NULL, query, 1, 3, NULL, arena, &err), -1);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_non_null(strstr(err.text, "damaged at byte"));
    arena_free(arena);
    photo_index_close(index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(near_duplicates_are_folded), TEST(what_is_shown_is_whole)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
