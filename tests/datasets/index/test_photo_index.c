/* test_photo_index.c: what an index holds is read back; cut anywhere, it is what was committed; of flipped
 * bits none goes unnoticed. */
#include "datasets/index/photo_index.h"

#include "clip/base/checksum.h"

#include "tests/datasets/index/index_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static PhotoIndex *open_good(const char *path) {
    Error err = {0};
    PhotoIndex *index = photo_index_open(path, &err);
    if (!index)
        fail_msg("%s", err.text);
    return index;
}

static void what_was_added_is_there(void **state) {
    char path[512];
    for (int numbers = INDEX_FLOAT32; numbers <= INDEX_BFLOAT16; numbers++) {
        Error err = {0};
        support_write(scratch_path(state, numbers ? "half" : "float", path, sizeof path), numbers);
        PhotoIndex *index = open_good(path);
        assert_string_equal(index->about, "{\"of\": \"test\"}");
        assert_int_equal(index->numbers, numbers);
        assert_int_equal(index->E, SUPPORT_E);
        assert_true(index->n == 12 && index->n_dead == 3 && index->tail == 0);
        for (uint32_t i = 0; i < 12; i++) {
            support_expect(index, i, i);
            assert_int_equal(photo_index_is_dead(index, i), i == 1 || i == 3 || i == 6);
            assert_int_equal((uintptr_t)index->segments[0].features % INDEX_ALIGN, 0);
        }
        assert_int_equal(photo_index_check(index, NULL, &err), 0);
        photo_index_close(index);
    }
}

/* At every length the file opens as the commits that are whole, or is no index yet; zeros behind, as a file
 * system may leave them, change nothing. */
static void a_cut_leaves_what_was_committed(void **state) {
    char path[512], cut[512];
    support_write(scratch_path(state, "whole", path, sizeof path), INDEX_FLOAT32);
    scratch_path(state, "cut", cut, sizeof cut);
    PhotoIndex *whole = open_good(path);
    unsigned char *bytes = calloc(whole->map.size + 4096, 1);
    for (size_t size = 0; size <= whole->map.size; size++)
        for (int zeros = 0; zeros <= 4096; zeros += 4096) {
            Error err = {0};
            uint64_t n = 0, end = whole->header_size;
            bool in_foot = false;
            if (size % 5 != 0 && size % 64 > 1) /* the rest teaches nothing new */
                continue;
            memset(bytes, 0, whole->map.size + 4096);
            memcpy(bytes, whole->map.data, size);
            scratch_file(cut, bytes, size + (size_t)zeros);
            for (int s = 0; s < whole->n_segments; s++) {
                const uint64_t behind = whole->segments[s].start + whole->segments[s].foot.size;
                in_foot |= size < behind && size > behind - INDEX_PART;
                if (behind <= size) {
                    n = whole->segments[s].foot.total;
                    end = behind;
                }
            }
            if (zeros && (in_foot || size < whole->header_size)) /* a foot is written whole or not at all */
                continue;
            PhotoIndex *index = photo_index_open(cut, &err);
            if (size < whole->header_size) {
                assert_null(index);
                assert_int_equal(strncmp(err.text, cut, strlen(cut)), 0);
                continue;
            }
            assert_non_null(index);
            assert_true(index->n == n && index->end == end && index->tail == size + (size_t)zeros - end);
            for (uint32_t i = 0; i < n; i++)
                support_expect(index, i, i);
            photo_index_close(index);
        }
    free(bytes);
    photo_index_close(whole);
}

/* 1 when the file is refused, as it must be, when it is opened, 2 when it is checked; each by name. */
static int when_found(const char *path) {
    Error err = {0};
    int found = 1;
    PhotoIndex *index = photo_index_open(path, &err);
    if (index) {
        found = 2;
        assert_int_equal(photo_index_check(index, NULL, &err), -1);
    }
    photo_index_close(index);
    assert_int_equal(strncmp(err.text, path, strlen(path)), 0);
    assert_int_equal(err.kind, ERROR_INPUT);
    return found;
}

static void a_flipped_bit_is_found(void **state) {
    char path[512];
    support_write(scratch_path(state, "flipped", path, sizeof path), INDEX_FLOAT32);
    PhotoIndex *index = open_good(path);
    const size_t size = index->map.size;
    int found[3] = {0};
    photo_index_close(index);
    for (size_t at = 0; at < size; at++) {
        const unsigned char mask = (unsigned char)(1 << at % 8);
        scratch_flip(path, at, mask);
        found[when_found(path)]++;
        scratch_flip(path, at, mask);
    }
    assert_true(found[1] > 3 * 2 * INDEX_PART && found[2] > 12 * SUPPORT_E * 4);
    photo_index_close(open_good(path));
}

/* Of whoever searches: an entry that is used is checked then, and the photo is named. */
static void damage_names_the_photo(void **state) {
    char path[512];
    float feature[SUPPORT_E];
    IndexEntry entry;
    Error err = {0};
    support_write(scratch_path(state, "named", path, sizeof path), INDEX_FLOAT32);
    PhotoIndex *index = open_good(path);
    const size_t row = (size_t)(photo_index_row(index, 7) - index->map.data),
                 record = (size_t)(index->segments[1].records - index->map.data);
    photo_index_close(index);
    scratch_flip(path, row + 5, 4);
    index = open_good(path);
    assert_int_equal(photo_index_feature(index, 7, feature, &err), -1);
    assert_non_null(strstr(err.text, "photos/7.jpg"));
    assert_int_equal(photo_index_feature(index, 6, feature, &err), 0);
    assert_int_equal(photo_index_check(index, NULL, &err), -1);
    assert_non_null(strstr(err.text, "photos/7.jpg"));
    photo_index_close(index);
    scratch_flip(path, row + 5, 4);
    scratch_flip(path, record + 50, 1);
    index = open_good(path);
    assert_int_equal(photo_index_entry(index, 5, &entry, &err), -1);
    assert_non_null(strstr(err.text, "entry 5"));
    photo_index_close(index);
}

static void others_are_refused(void **state) {
    char path[512];
    Error err = {0};
    scratch_file(scratch_path(state, "other", path, sizeof path), "GIF89a, for instance", 20);
    assert_null(photo_index_open(path, &err));
    assert_non_null(strstr(err.text, "no index of photos"));
    assert_null(photo_index_open(scratch_path(state, "none", path, sizeof path), &err));
    assert_non_null(strstr(err.text, "No such file"));
}

/* A million entries in 100 commits, with a hundred thousand of them dead: opened in less than 10 ms. The file
 * has holes where features and names would be; opening does not read them. */
static void a_million_open_at_once(void **state) {
    enum { N = 10000, N_SEGMENTS = 100, N_DEAD = 1000, E = 512 };
    char path[512];
    Error err = {0};
    const IndexKind kind = {INDEX_FLOAT32, E, "{}"};
    IndexWriter *writer = index_writer_open(scratch_path(state, "million", path, sizeof path), &kind, &err);
    assert_non_null(writer);
    index_writer_close(writer);
    PhotoIndex *index = open_good(path);
    uint64_t at = index->header_size;
    photo_index_close(index);
    FILE *file = fopen(path, "r+b");
    unsigned char *dead = calloc(N_DEAD + 8, 8), part[INDEX_PART];
    for (uint64_t s = 0; s < N_SEGMENTS; s++) {
        IndexPlaces places;
        const uint64_t n_dead = s ? N_DEAD : 0;
        assert_true(index_places(&places, N, n_dead, 30 * N, 4 * E));
        for (uint64_t i = 0; i < n_dead; i++)
            index_number_write(dead + 8 * i, (s - 1) * N + 7 * i);
        index_head_write(part, &(IndexHead){s * N, N, n_dead, 30 * N, places.size});
        fseek(file, (long)at, SEEK_SET);
        fwrite(part, 1, INDEX_PART, file);
        fseek(file, (long)(at + places.dead), SEEK_SET);
        fwrite(dead, 1, (size_t)(places.records - places.dead), file);
        index_foot_write(part, &(IndexFoot){at, places.size, (s + 1) * N, s * N_DEAD, 0,
                                            checksum(0, dead, (size_t)(places.records - places.dead)), 0});
        fseek(file, (long)(at + places.foot), SEEK_SET);
        fwrite(part, 1, INDEX_PART, file);
        at += places.size;
    }
    assert_int_equal(fclose(file), 0);
    double best = 1;
    for (int i = 0; i < 10; i++) {
        struct timespec start, end;
        clock_gettime(CLOCK_MONOTONIC, &start);
        index = open_good(path);
        clock_gettime(CLOCK_MONOTONIC, &end);
        const double seconds =
            (double)(end.tv_sec - start.tv_sec) + 1e-9 * (double)(end.tv_nsec - start.tv_nsec);
        best = seconds < best ? seconds : best;
        assert_true(index->n == 1000000 && index->n_dead == 99000);
        photo_index_close(index);
    }
    print_message("opened in %.2f ms\n", 1e3 * best);
    if (!scratch_instrumented())
        assert_true(best < 0.010);
    free(dead);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_was_added_is_there), TEST(a_cut_leaves_what_was_committed),
        TEST(a_flipped_bit_is_found),  TEST(damage_names_the_photo),
        TEST(others_are_refused),      TEST(a_million_open_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
