/* test_top_features.c: the nearest rows against a sort of all, ties and all, whoever asks and with whatever
 * threads. */
#define _GNU_SOURCE
#include "datasets/index/top_features.h"

#include "clip/math/half.h"

#include "tests/datasets/index/index_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { E = 40, N = 5000, MOST = 40 };

/* N rows in segments of odd sizes; of every seven, some are the same to the bit; one in ten is dead. */
static PhotoIndex *make_index(void **state, IndexNumbers numbers) {
    char path[512];
    float feature[E];
    Error err = {0};
    const IndexKind kind = {numbers, E, "{}"};
    scratch_path(state, numbers ? "half" : "float", path, sizeof path);
    for (uint32_t i = 0, s = 0; i < N; s++) {
        IndexWriter *writer = index_writer_open(path, &kind, &err);
        assert_non_null(writer);
        if (s > 0)
            for (uint64_t dead = 0; dead < index_writer_index(writer)->n; dead += 10)
                if (!photo_index_is_dead(index_writer_index(writer), dead))
                    assert_int_equal(index_writer_remove(writer, dead, &err), 0);
        const uint32_t end = i + 1 + s * 531 < N ? i + 1 + s * 531 : N;
        for (; i < end; i++) {
            char name[64];
            IndexEntry entry = support_entry(i, name);
            support_feature(feature, E, i % 7 < 3 ? i / 70 : i);
            assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
        }
        assert_int_equal(index_writer_commit(writer, &err), 0);
        index_writer_close(writer);
    }
    PhotoIndex *index = photo_index_open(path, &err);
    assert_non_null(index);
    assert_true(index->n == N && index->n_dead > N / 20);
    return index;
}

static int compare(const void *a, const void *b) {
    const Found *x = a, *y = b;
    return x->score > y->score   ? -1
           : x->score < y->score ? 1
                                 : (x->number > y->number) - (x->number < y->number);
}

/* All that live, sorted: (N). */
static int sort_all(Found *all, const PhotoIndex *index, const float *query) {
    int n = 0;
    float row[E];
    for (uint64_t i = 0; i < index->n; i++) {
        double sum = 0;
        Error err = {0};
        if (photo_index_is_dead(index, i))
            continue;
        assert_int_equal(photo_index_feature(index, i, row, &err), 0);
        for (int k = 0; k < E; k++)
            sum += (double)row[k] * (double)query[k];
        all[n++] = (Found){sum, i};
    }
    qsort(all, (size_t)n, sizeof *all, compare);
    return n;
}

static void the_same_as_a_sort_of_all(void **state) {
    static const int tops[] = {1, 3, 100, N + 5};
    float queries[MOST * E];
    int n_found[MOST];
    for (int q = 0; q < MOST; q++) /* some are rows, so that their copies tie at the top */
        support_feature(queries + q * E, E, q % 2 ? (uint32_t)q : 100000u + (uint32_t)q);
    Found *all = calloc(N, sizeof *all), *found = calloc((size_t)MOST * (N + 5), sizeof *found);
    for (int numbers = INDEX_FLOAT32; numbers <= INDEX_BFLOAT16; numbers++) {
        PhotoIndex *index = make_index(state, numbers);
        for (int t = 0; t < 4; t++) {
            if (t == 2) /* from here on rows are read, not mapped */
                photo_index_read_rows(index);
            assert_true((index->rows_file >= 0) == (t >= 2));
            for (int Q = 1; Q <= MOST; Q += 13)
                for (int threads = 1; threads <= 5; threads += 2) {
                    Error err = {0};
                    Pool *pool = pool_create(threads);
                    assert_int_equal(top_features(found, n_found, index, queries, Q, tops[t], pool, &err), 0);
                    for (int q = 0; q < Q; q += 1 + Q / 4) {
                        const int n = sort_all(all, index, queries + q * E);
                        assert_int_equal(n_found[q], n < tops[t] ? n : tops[t]);
                        for (int i = 0; i < n_found[q]; i++) {
                            const Found *is = &found[(size_t)q * (size_t)tops[t] + (size_t)i];
                            assert_true(is->number == all[i].number && is->score == all[i].score);
                        }
                    }
                    pool_free(pool);
                }
        }
        photo_index_close(index);
    }
    free(found);
    free(all);
}

/* Of a list of entries in any order, exactly those, from copies, too; none of an empty list. */
static void of_some_entries(void **state) {
    static uint32_t numbers[N];
    static unsigned char halves[N * E * 2];
    static const unsigned char *copies[N];
    float query[E];
    Found *all = calloc(N, sizeof *all), *found = calloc(N, sizeof *found);
    support_feature(query, E, 3);
    for (int kind = INDEX_FLOAT32; kind <= INDEX_BFLOAT16; kind++) {
        PhotoIndex *index = make_index(state, kind);
        size_t n = 0;
        for (uint32_t i = N; i-- > 0;)
            if (i % 3 != 1)
                numbers[n++] = i;
        for (size_t i = 0; i < n; i++) {
            float row[E];
            Error err = {0};
            if (photo_index_feature(index, numbers[i], row, &err) < 0)
                fail_msg("%s", err.text);
            copies[i] = halves + i * E * 2;
            float_to_bfloat16(halves + i * E * 2, row, E);
        }
        const int n_all = sort_all(all, index, query);
        for (int threads = 1; threads <= 3; threads += 2) {
            Error err = {0};
            int n_found = 0, at = 0;
            Pool *pool = pool_create(threads);
            SomeEntries some = {numbers, threads > 1 ? copies : NULL, n};
            assert_int_equal(top_features_of(found, &n_found, index, &some, query, N, pool, &err), 0);
            for (int i = 0; i < n_all; i++)
                if (all[i].number % 3 != 1) {
                    assert_true(found[at].number == all[i].number && found[at].score == all[i].score);
                    at++;
                }
            assert_int_equal(n_found, at);
            assert_int_equal(top_features_of(found, &n_found, index, &some, query, 5, pool, &err), 0);
            assert_int_equal(n_found, 5);
            assert_true(found[4].number % 3 != 1);
            some.n = 0;
            assert_int_equal(top_features_of(found, &n_found, index, &some, query, 5, pool, &err), 0);
            assert_int_equal(n_found, 0);
            pool_free(pool);
        }
        photo_index_close(index);
    }
    free(found);
    free(all);
}

/* Rows are read only from the file that was opened, as it was; one that is cut is an error, not a signal. */
static void rows_of_a_file_that_changes(void **state) {
    char path[512];
    float query[E];
    Found found;
    int n;
    Error err = {0};
    support_feature(query, E, 1);
    PhotoIndex *index = make_index(state, INDEX_FLOAT32);
    Pool *pool = pool_create(2);
    photo_index_read_rows(index);
    assert_int_equal(truncate(index->path, (off_t)(index->map.size / 2)), 0);
    assert_int_equal(top_features(&found, &n, index, query, 1, 1, pool, &err), -1);
    assert_non_null(strstr(err.text, "float: was cut while being read"));
    photo_index_close(index);
    support_write(scratch_path(state, "grows", path, sizeof path), INDEX_FLOAT32);
    index = photo_index_open(path, &err);
    assert_non_null(index);
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    support_add(writer, 77);
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
    photo_index_read_rows(index);
    assert_int_equal(index->rows_file, -1);
    assert_int_equal(top_features(&found, &n, index, query, 1, 1, pool, &err), 0);
    photo_index_close(index);
    pool_free(pool);
}

/* Rows that are all the same: the lowest numbers, in order. */
static void all_alike(void **state) {
    enum { ALIKE = 20000 };
    char path[512];
    float feature[SUPPORT_E];
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    IndexWriter *writer = index_writer_open(scratch_path(state, "alike", path, sizeof path), &kind, &err);
    support_feature(feature, SUPPORT_E, 3);
    for (uint32_t i = 0; i < ALIKE; i++) {
        char name[64];
        const IndexEntry entry = support_entry(i, name);
        assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
    }
    assert_int_equal(index_writer_commit(writer, &err), 0);
    index_writer_close(writer);
    PhotoIndex *index = photo_index_open(path, &err);
    for (int threads = 1; threads <= 3; threads++) {
        Found found[10];
        int n;
        Pool *pool = pool_create(threads);
        assert_int_equal(top_features(found, &n, index, feature, 1, 10, pool, &err), 0);
        assert_int_equal(n, 10);
        for (int i = 0; i < n; i++)
            assert_true(found[i].number == (uint64_t)i && fabs(found[i].score - 1) < 1e-6);
        pool_free(pool);
    }
    photo_index_close(index);
}

/* A flipped exponent makes a row stand out, or hides it: what stands out is found. */
static void a_damaged_row_is_named(void **state) {
    char path[512];
    float query[SUPPORT_E];
    Found found[3];
    int n;
    Error err = {0};
    support_write(scratch_path(state, "damaged", path, sizeof path), INDEX_FLOAT32);
    PhotoIndex *index = photo_index_open(path, &err);
    const size_t row = (size_t)(photo_index_row(index, 7) - index->map.data);
    support_feature(query, SUPPORT_E, 5);
    assert_int_equal(top_features(found, &n, index, query, 1, 3, NULL, &err), 0);
    photo_index_close(index);
    scratch_flip(path, row + 7, 0x40);
    index = photo_index_open(path, &err);
    assert_int_equal(top_features(found, &n, index, query, 1, 3, NULL, &err), -1);
    assert_non_null(strstr(err.text, "photos/7.jpg"));
    photo_index_close(index);
}

static void an_empty_index(void **state) {
    char path[512];
    float query[SUPPORT_E];
    Found found[3];
    int n = 7;
    Error err = {0};
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    index_writer_close(index_writer_open(scratch_path(state, "empty", path, sizeof path), &kind, &err));
    PhotoIndex *index = photo_index_open(path, &err);
    support_feature(query, SUPPORT_E, 5);
    assert_int_equal(top_features(found, &n, index, query, 1, 3, NULL, &err), 0);
    assert_int_equal(n, 0);
    photo_index_close(index);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(the_same_as_a_sort_of_all),   TEST(of_some_entries),
        TEST(rows_of_a_file_that_changes), TEST(all_alike),
        TEST(a_damaged_row_is_named),      TEST(an_empty_index),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
