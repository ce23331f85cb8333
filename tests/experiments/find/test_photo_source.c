/* test_photo_source.c: which photos are news to an index, under whatever name they come, and which are no
 * more.
 */
#define _GNU_SOURCE
#include "experiments/find/photo_source.h"

#include "tests/datasets/index/index_support.h"
#include "tests/experiments/find/find_support.h"
#include "tests/support/scratch.h"
#include "tests/support/tar_support.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST = 8 };

/* Asks until there is no more; *n names of what is news, "PATH" or "PATH: MEMBER", with '*' behind one that
 * the index has as it was. */
static void ask(PhotoSource *source, char names[MOST][600], int *n) {
    StreamInput input;
    for (*n = 0; photo_source_next(source, &input), input.path; ++*n) {
        assert_true(*n < MOST);
        snprintf(names[*n], 600, "%s%s%s%s", input.path, input.note.text ? ": " : "",
                 input.note.text ? input.note.text : "", input.note.numbers[PHOTO_OLD] ? "*" : "");
        free(input.path);
    }
    assert_int_equal(input.err.kind, ERROR_NONE);
}

/* As an update leaves it: the entry of a file as it is now, with a content of its own. */
static void put(IndexWriter *writer, const char *path, const char *member, uint64_t size) {
    struct stat info;
    float feature[SUPPORT_E];
    Error err = {0};
    assert_int_equal(stat(path, &info), 0);
    const char *content = member ? member : path;
    IndexEntry entry = {.path = path,
                        .member = member,
                        .digest = digest_of(content, strlen(content)),
                        .size = member ? size : (uint64_t)info.st_size,
                        .changed_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
                        .orientation = 1};
    support_feature(feature, SUPPORT_E, 1);
    assert_int_equal(index_writer_add(writer, &entry, feature, &err), 0);
}

typedef struct {
    char a[512], b[512], c[512], tar[512], index[512], folder[512];
    IndexWriter *writer;
    PhotoIndex *opened;
} Photos;

/* a, b and x.tar (m1, m2) are in the index; c is not. */
static void make_photos(void **state, Photos *p) {
    const IndexKind kind = support_kind(INDEX_FLOAT32);
    Error err = {0};
    Buffer tar = {0};
    char *real = realpath(*state, NULL);
    snprintf(p->folder, sizeof p->folder, "%s", real);
    free(real);
    snprintf(p->a, sizeof p->a, "%.480s/a.jpg", p->folder);
    snprintf(p->b, sizeof p->b, "%.480s/b.jpg", p->folder);
    snprintf(p->c, sizeof p->c, "%.480s/c.jpg", p->folder);
    snprintf(p->tar, sizeof p->tar, "%.480s/x.tar", p->folder);
    scratch_file(p->a, "aa", 2);
    scratch_file(p->b, "bbb", 3);
    scratch_file(p->c, "cccc", 4);
    tar_text(&tar, "m1.jpg", "first");
    tar_text(&tar, "m2.jpg", "second");
    tar_end(&tar);
    tar_save(&tar, p->tar);
    p->writer = index_writer_open(scratch_path(state, "index", p->index, sizeof p->index), &kind, &err);
    assert_non_null(p->writer);
    put(p->writer, p->a, NULL, 0);
    put(p->writer, p->b, NULL, 0);
    put(p->writer, p->tar, "m1.jpg", 5);
    put(p->writer, p->tar, "m2.jpg", 6);
    assert_int_equal(index_writer_commit(p->writer, &err), 0);
    p->opened = photo_index_open(p->index, &err);
    assert_non_null(p->opened);
}

static void close_photos(Photos *p) {
    photo_index_close(p->opened);
    index_writer_close(p->writer);
}

static PhotoSource *open_source(const Photos *p, GivenFiles *files) {
    Error err = {0};
    PhotoSource *source = photo_source_open(p->opened, given_next, files, &err);
    assert_non_null(source);
    return source;
}

static void only_news_are_handed_out(void **state) {
    static char names[MOST][600];
    Photos p;
    char roundabout[600], link[600];
    int n;
    make_photos(state, &p);
    snprintf(roundabout, sizeof roundabout, "%.480s/./../%s/a.jpg", p.folder, strrchr(p.folder, '/') + 1);
    snprintf(link, sizeof link, "%.480s/link", p.folder);
    assert_int_equal(symlink(p.folder, link), 0);
    strcat(link, "/c.jpg");
    scratch_file(p.b, "bbbb", 4);
    const char *const paths[] = {p.a, roundabout, p.c, link, p.b, p.tar};
    GivenFiles files = {paths, 6, 0, true};
    PhotoSource *source = open_source(&p, &files);
    ask(source, names, &n);
    assert_int_equal(n, 2); /* c once, by its own name; b has changed */
    assert_string_equal(names[0], p.c);
    strcat(p.b, "*");
    assert_string_equal(names[1], p.b);
    assert_int_equal(photo_source_same(source), 3);
    assert_int_equal(photo_source_files(source), 6);
    photo_source_close(source);
    close_photos(&p);
}

/* A tar file that was written anew: all of its members are looked at again, and one is no more. */
static void members_of_a_new_tar(void **state) {
    static char names[MOST][600];
    static char expected[2][600];
    Photos p;
    Buffer tar = {0};
    int n;
    make_photos(state, &p);
    tar_text(&tar, "m2.jpg", "second");
    tar_text(&tar, "m3.jpg", "third");
    tar_end(&tar);
    tar_save(&tar, p.tar);
    const struct timespec times[2] = {{1, 0}, {1, 0}};
    assert_int_equal(utimensat(AT_FDCWD, p.tar, times, 0), 0);
    const char *const paths[] = {p.tar};
    GivenFiles files = {paths, 1, 0, true};
    PhotoSource *source = open_source(&p, &files);
    ask(source, names, &n);
    snprintf(expected[0], 600, "%s: m2.jpg*", p.tar);
    snprintf(expected[1], 600, "%s: m3.jpg", p.tar);
    assert_int_equal(n, 2);
    assert_string_equal(names[0], expected[0]);
    assert_string_equal(names[1], expected[1]);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(photo_source_is_gone(source, i, NULL, 0), i == 2);
    photo_source_close(source);
    close_photos(&p);
}

/* Gone: what was below a folder that was named, or whose content has come back elsewhere. */
static void what_is_no_more(void **state) {
    static char names[MOST][600];
    Photos p;
    int n;
    make_photos(state, &p);
    const Digest of_a = digest_of(p.a, strlen(p.a)), of_c = digest_of(p.c, strlen(p.c));
    const char *const paths[] = {p.c}, *const folders[] = {p.folder};
    GivenFiles files = {paths, 1, 0, true};
    PhotoSource *source = open_source(&p, &files);
    ask(source, names, &n);
    assert_int_equal(n, 1);
    assert_true(photo_source_known(source, &of_a));
    assert_false(photo_source_known(source, &of_c));
    assert_false(photo_source_is_gone(source, 0, folders, 1)); /* it is there */
    assert_int_equal(unlink(p.a), 0);
    assert_int_equal(unlink(p.b), 0);
    assert_true(photo_source_is_gone(source, 0, folders, 1));
    assert_false(photo_source_is_gone(source, 0, folders, 0)); /* not in reach */
    assert_true(photo_source_entry_of(source, &of_a) == 0);
    assert_true(photo_source_is_gone(source, 0, folders, 0));  /* moved */
    assert_false(photo_source_is_gone(source, 1, folders, 0)); /* b has not */
    photo_source_close(source);
    close_photos(&p);
}

/* A file that vanishes after it was listed is an error of its own, and the next one comes. */
static void a_file_that_vanishes(void **state) {
    Photos p;
    StreamInput input;
    make_photos(state, &p);
    const char *const paths[] = {p.a, p.c};
    GivenFiles files = {paths, 2, 0, true};
    PhotoSource *source = open_source(&p, &files);
    assert_int_equal(unlink(p.a), 0);
    photo_source_next(source, &input);
    assert_string_equal(input.path, p.a);
    assert_non_null(strstr(input.err.text, "a.jpg: cannot open: No such file"));
    free(input.path);
    photo_source_next(source, &input);
    assert_string_equal(input.path, p.c);
    assert_int_equal(input.err.kind, ERROR_NONE);
    free(input.path);
    photo_source_close(source);
    close_photos(&p);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {
        TEST(only_news_are_handed_out),
        TEST(members_of_a_new_tar),
        TEST(what_is_no_more),
        TEST(a_file_that_vanishes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
