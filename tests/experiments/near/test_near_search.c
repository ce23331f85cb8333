/* test_near_search.c: all lists find what an exact search finds, few lists a part of it, and that part is the
 * one that was measured. */
#include "experiments/near/near_search.h"

#include "experiments/near/near_build.h"
#include "tests/experiments/near/near_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = 5000, TOP = 20, TEXTS = 50 };

static NearLists *make(PhotoIndex **index, char path[512], void **state) {
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    near_support_add(scratch_path(state, "index", path, 512), &kind, 0, N, 0);
    *index = near_support_open(path);
    NearLists *lists = near_build(*index, NULL, &err);
    assert_non_null(lists);
    assert_int_equal(near_measure(lists, *index, 10, NULL, 0, NULL, &err), 0);
    return lists;
}

/* The same, from the file. */
static NearLists *reopen(NearLists *lists, const PhotoIndex *index, void **state) {
    char path[512];
    Error err = {0};
    assert_int_equal(near_lists_write(lists, index, scratch_path(state, "near", path, sizeof path), &err), 0);
    near_lists_close(lists);
    lists = near_lists_open(path, index, &err);
    assert_non_null(lists);
    assert_non_null(lists->rows);
    return lists;
}

static void expect_same(const Found *found, int n, const Found *exact, int n_exact) {
    assert_int_equal(n, n_exact);
    for (int i = 0; i < n; i++)
        assert_true(found[i].number == exact[i].number && found[i].score == exact[i].score);
}

/* To the bit, with any number of threads, dead ones left out, and those found that came later. */
static void all_lists_find_all(void **state) {
    near_support_need();
    char path[512];
    PhotoIndex *index;
    Error err = {0};
    NearLists *lists = make(&index, path, state);
    photo_index_close(index);
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    near_support_add(path, &kind, N, 500, 3);
    index = near_support_open(path);
    for (int threads = 1; threads <= 3; threads++) {
        Pool *pool = pool_create(threads);
        if (threads == 2)
            lists = reopen(lists, index, state);
        bool later = false;
        for (uint32_t q = 0; q < 40; q++) {
            float query[SUPPORT_E];
            Found found[TOP], exact[TOP];
            int n, n_exact;
            near_support_feature(query, N + 450 + 7 * q);
            assert_int_equal(near_search(found, &n, lists, index, query, TOP, lists->K * 2, pool, &err), 0);
            assert_int_equal(top_features(exact, &n_exact, index, query, 1, TOP, pool, &err), 0);
            expect_same(found, n, exact, n_exact);
            assert_int_equal(near_search(found, &n, lists, index, query, TOP, 1, pool, &err), 0);
            later = later || found[0].number >= N;
        }
        assert_true(later);
        pool_free(pool);
    }
    near_lists_close(lists);
    photo_index_close(index);
}

/* As many as are asked for, though the nearest list has fewer; never more than there are. */
static void more_lists_where_one_has_too_few(void **state) {
    near_support_need();
    static Found found[N + 5], exact[N + 5];
    char path[512];
    float query[SUPPORT_E];
    int n, n_exact;
    PhotoIndex *index;
    Error err = {0};
    NearLists *lists = make(&index, path, state);
    lists = reopen(lists, index, state);
    near_support_feature(query, 9);
    assert_int_equal(near_search(found, &n, lists, index, query, N / 2, 1, NULL, &err), 0);
    assert_int_equal(n, N / 2);
    assert_int_equal(near_search(found, &n, lists, index, query, N + 5, 1, NULL, &err), 0);
    assert_int_equal(top_features(exact, &n_exact, index, query, 1, N + 5, NULL, &err), 0);
    expect_same(found, n, exact, n_exact);
    near_lists_close(lists);
    photo_index_close(index);
}

static float recall_by_hand(const NearLists *lists, const PhotoIndex *index, const float *texts, int probes) {
    int hits = 0;
    Error err = {0};
    for (int q = 0; q < TEXTS; q++) {
        Found found[10], exact[10];
        int n, n_exact;
        assert_int_equal(near_search(found, &n, lists, index, texts + q * SUPPORT_E, 10, probes, NULL, &err),
                         0);
        assert_int_equal(top_features(exact, &n_exact, index, texts + q * SUPPORT_E, 1, 10, NULL, &err), 0);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n_exact; j++)
                hits += found[i].number == exact[j].number;
    }
    return (float)hits / (10 * TEXTS);
}

static void recall_is_what_is_found(void **state) {
    near_support_need();
    char path[512];
    float texts[TEXTS * SUPPORT_E];
    PhotoIndex *index;
    Error err = {0};
    NearLists *lists = make(&index, path, state);
    for (uint32_t q = 0; q < TEXTS; q++) /* far from all photos */
        support_feature(texts + q * SUPPORT_E, SUPPORT_E, 500000 + q);
    assert_int_equal(near_measure(lists, index, 100, texts, TEXTS, NULL, &err), 0);
    assert_true(lists->n_recall >= 4);
    lists = reopen(lists, index, state);
    for (int i = 2; i < lists->n_recall; i++) { /* from 4 lists on there are ten in them */
        const NearRecall *row = &lists->recall[i];
        assert_int_equal(row->probes, 1 << i);
        assert_true(fabsf(row->texts - recall_by_hand(lists, index, texts, 1 << i)) < 0.011f);
        assert_true(row->photos >= lists->recall[i - 1].photos && row->texts >= lists->recall[i - 1].texts);
        assert_true(row->photos > 0 && row->photos <= 1);
    }
    const NearRecall *last = &lists->recall[lists->n_recall - 1];
    assert_true(last->texts > 0.8f && last->photos > 0.8f && lists->recall[0].texts < 0.8f);
    near_lists_close(lists);
    photo_index_close(index);
}

static void probes_by_recall(void **state) {
    (void)state;
    NearLists lists = {
        .K = 100, .recall = {{1, 0.5f, 0.2f, 0}, {2, 0.96f, 0.9f, 0}, {4, 1, 0.95f, 0}}, .n_recall = 3};
    assert_int_equal(near_default_probes(&lists), 4);
    lists.recall[2].texts = 0.94f; /* none is enough */
    assert_int_equal(near_default_probes(&lists), 4);
    for (int i = 0; i < 3; i++)
        lists.recall[i].texts = -1;
    assert_int_equal(near_default_probes(&lists), 2);
    assert_int_equal(near_recall_of(&lists, 3)->probes, 2);
    assert_int_equal(near_recall_of(&lists, 90)->probes, 4);
    lists.n_recall = 0;
    assert_null(near_recall_of(&lists, 3));
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(all_lists_find_all),
        TEST(more_lists_where_one_has_too_few),
        TEST(recall_is_what_is_found),
        TEST(probes_by_recall),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
