/* test_index_writer.c: commits that stay, one writer at a time, tails that are cut off, and files written
 * anew. */
#define _GNU_SOURCE
#include "datasets/index/index_writer.h"

#include "tests/datasets/index/index_support.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static IndexWriter *open_writer(const char *path) {
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    Error err = {0};
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    if (!writer)
        fail_msg("%s", err.text);
    return writer;
}

static PhotoIndex *open_index(const char *path) {
    Error err = {0};
    PhotoIndex *index = photo_index_open(path, &err);
    if (!index || photo_index_check(index, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return index;
}

static void commit(IndexWriter *writer) {
    Error err = {0};
    assert_int_equal(index_writer_commit(writer, &err), 0);
}

static void what_is_not_committed_is_dropped(void **state) {
    char path[512];
    IndexWriter *writer = open_writer(scratch_path(state, "index", path, sizeof path));
    support_add(writer, 0);
    commit(writer);
    support_add(writer, 1);
    assert_true(index_writer_pending(writer) == 1);
    index_writer_close(writer);
    PhotoIndex *index = open_index(path);
    assert_true(index->n == 1);
    photo_index_close(index);
}

static void a_second_writer_waits_outside(void **state) {
    char path[512];
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    Error err = {0};
    IndexWriter *writer = open_writer(scratch_path(state, "index", path, sizeof path));
    assert_null(index_writer_open(path, &kind, &err));
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "another program is adding"));
    support_add(writer, 0);
    commit(writer);
    PhotoIndex *index = open_index(path); /* readers come and go */
    photo_index_close(index);
    index_writer_close(writer);
    index_writer_close(open_writer(path));
}

static void another_kind_is_refused(void **state) {
    char path[512];
    IndexKind kind = support_kind(INDEX_BFLOAT16);
    Error err = {0};
    support_write(scratch_path(state, "index", path, sizeof path), INDEX_FLOAT32);
    assert_null(index_writer_open(path, &kind, &err));
    assert_non_null(strstr(err.text, "float32"));
    kind = support_kind(INDEX_FLOAT32);
    kind.E++;
    assert_null(index_writer_open(path, &kind, &err));
    scratch_file(scratch_path(state, "photo.jpg", path, sizeof path), "a precious photo", 16);
    assert_null(index_writer_open(path, &kind, &err));
    assert_non_null(strstr(err.text, "no index of photos"));
    assert_null(index_writer_open(*state, &kind, &err)); /* a folder */
}

/* What a killed update left goes, whatever its length, and what comes next is whole. So does a header that
 * was begun. */
static void a_tail_is_cut_off(void **state) {
    char path[512];
    scratch_path(state, "index", path, sizeof path);
    uint64_t header = 0;
    for (uint64_t less = 1; less < 900; less += 13) {
        support_write(path, INDEX_FLOAT32);
        PhotoIndex *index = open_index(path);
        const uint64_t size = index->map.size, last = index->segments[2].foot.size;
        header = index->header_size;
        photo_index_close(index);
        assert_int_equal(truncate(path, (off_t)(size - less)), 0);
        IndexWriter *writer = open_writer(path);
        assert_true(index_writer_cut(writer) == last - less && index_writer_index(writer)->n == 8);
        support_add(writer, 77);
        commit(writer);
        index_writer_close(writer);
        index = open_index(path);
        assert_true(index->tail == 0 && index->n == 9);
        support_expect(index, 8, 77);
        photo_index_close(index);
        assert_int_equal(unlink(path), 0);
    }
    for (uint64_t i = 0; i <= header; i++) {
        index_writer_close(open_writer(path));
        assert_int_equal(truncate(path, (off_t)i), 0);
        index_writer_close(open_writer(path));
        photo_index_close(open_index(path));
        assert_int_equal(unlink(path), 0);
    }
}

static void moved_photos_keep_their_features(void **state) {
    char path[512], text[64];
    Error err = {0};
    support_write(scratch_path(state, "index", path, sizeof path), INDEX_BFLOAT16);
    const IndexKind kind = support_kind(INDEX_BFLOAT16);
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    IndexEntry entry = support_entry(4, text);
    entry.path = "elsewhere/4.jpg";
    assert_int_equal(index_writer_remove(writer, 4, &err), 0);
    assert_int_equal(index_writer_add_as(writer, &entry, 4, &err), 0);
    commit(writer);
    index_writer_close(writer);
    PhotoIndex *index = open_index(path);
    float before[SUPPORT_E], after[SUPPORT_E];
    assert_true(index->n == 13 && photo_index_is_dead(index, 4));
    assert_int_equal(photo_index_feature(index, 4, before, &err), 0);
    assert_int_equal(photo_index_feature(index, 12, after, &err), 0);
    assert_memory_equal(before, after, sizeof before);
    photo_index_close(index);
}

static void compacting_keeps_what_lives(void **state) {
    static const uint32_t live[] = {0, 2, 4, 5, 7, 8, 9, 10, 11};
    char path[512];
    Error err = {0};
    support_write(scratch_path(state, "index", path, sizeof path), INDEX_FLOAT32);
    IndexWriter *writer = open_writer(path);
    assert_int_equal(index_writer_compact(writer, &err), 0);
    index_writer_close(writer);
    PhotoIndex *index = open_index(path);
    assert_true(index->n == 9 && index->n_dead == 0 && index->n_segments == 1);
    for (uint32_t i = 0; i < 9; i++)
        support_expect(index, i, live[i]);
    const size_t row = (size_t)(photo_index_row(index, 3) - index->map.data);
    photo_index_close(index);
    scratch_flip(path, row, 1); /* damage is never copied */
    writer = open_writer(path);
    assert_int_equal(index_writer_compact(writer, &err), -1);
    assert_non_null(strstr(err.text, "photos/5.jpg"));
    index_writer_close(writer);
    assert_int_equal(scratch_count(state), 1);
}

/* Adds entries, 40 a commit, for ever; from its first commit on it may be killed at any moment. */
static void write_for_ever(const char *path, int ready) {
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    Error err = {0};
    IndexWriter *writer = index_writer_open(path, &kind, &err);
    for (uint32_t seed = (uint32_t)index_writer_index(writer)->n;; seed++) {
        float feature[SUPPORT_E];
        char text[64];
        const IndexEntry entry = support_entry(seed, text);
        support_feature(feature, SUPPORT_E, seed);
        if (index_writer_add(writer, &entry, feature, &err) < 0 ||
            (seed % 40 == 39 && (index_writer_commit(writer, &err) < 0 || write(ready, "", 1) != 1)))
            _exit(1);
    }
}

static void killed_at_any_moment(void **state) {
    char path[512];
    uint64_t n = 0;
    scratch_path(state, "index", path, sizeof path);
    for (int i = 0; i < 20; i++) {
        int ready[2];
        char byte;
        assert_int_equal(pipe(ready), 0);
        const pid_t child = fork();
        if (child == 0)
            write_for_ever(path, ready[1]);
        close(ready[1]);
        assert_true(read(ready[0], &byte, 1) == 1);
        nanosleep(&(struct timespec){.tv_nsec = 1 + (i * 7919L % 20) * 1700000L}, NULL);
        kill(child, SIGKILL);
        uint64_t said = 1;
        assert_true(waitpid(child, NULL, 0) == child);
        while (read(ready[0], &byte, 1) == 1)
            said++;
        close(ready[0]);
        PhotoIndex *index = open_index(path);
        /* each commit that was reported is there, and at most one more */
        assert_true(index->n == n + 40 * said || index->n == n + 40 * (said + 1));
        n = index->n;
        for (uint64_t k = n - 40; k < n; k++)
            support_expect(index, k, (uint32_t)k);
        photo_index_close(index);
    }
}

/* A file system that takes no more: the commit fails by name, and the file is as it was. */
static void a_full_disk_changes_nothing(void **state) {
    char path[512];
    Error err = {0};
    support_write(scratch_path(state, "index", path, sizeof path), INDEX_FLOAT32);
    PhotoIndex *before = open_index(path);
    struct rlimit old, limit;
    getrlimit(RLIMIT_FSIZE, &old);
    limit = old;
    limit.rlim_cur = before->map.size + 700;
    signal(SIGXFSZ, SIG_IGN);
    IndexWriter *writer = open_writer(path);
    for (uint32_t seed = 0; seed < 40; seed++)
        support_add(writer, seed);
    setrlimit(RLIMIT_FSIZE, &limit);
    assert_int_equal(index_writer_commit(writer, &err), -1);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(err.kind, ERROR_RUN);
    PhotoIndex *index = open_index(path);
    assert_true(index->map.size == before->map.size);
    photo_index_close(index);
    commit(writer); /* with room again */
    index_writer_close(writer);
    index = open_index(path);
    assert_true(index->n == before->n + 40);
    photo_index_close(index);
    photo_index_close(before);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(what_is_not_committed_is_dropped),
        TEST(a_second_writer_waits_outside),
        TEST(another_kind_is_refused),
        TEST(a_tail_is_cut_off),
        TEST(moved_photos_keep_their_features),
        TEST(compacting_keeps_what_lives),
        TEST(killed_at_any_moment),
        TEST(a_full_disk_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
