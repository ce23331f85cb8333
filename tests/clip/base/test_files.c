/* test_files.c: clip/base/files.c */
#define _GNU_SOURCE /* mkfifo, mode_t */
#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

typedef struct {
    char text[4200];
} Path;

static Path in_scratch(void **state, const char *name) {
    Path path;
    scratch_path(state, name, path.text, sizeof path.text);
    return path;
}

static void assert_error(const Error *err, ErrorKind kind, const char *path, const char *rest) {
    char expected[5000];
    snprintf(expected, sizeof expected, "%.1000s: %s", path, rest);
    assert_string_equal(err->text, expected);
    assert_int_equal(err->kind, kind);
}

static void assert_content(const char *path, const char *text) {
    Arena *arena = arena_create();
    size_t size = 0;
    char *got = file_read(path, 1 << 20, arena, &size, NULL);
    assert_non_null(got);
    assert_int_equal(size, strlen(text));
    assert_string_equal(got, text);
    arena_free(arena);
}

/* --- reading --- */

static void test_map(void **state) {
    Path path = in_scratch(state, "a");
    FileMap map;
    scratch_file(path.text, "abc", 3);
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(map.size, 3);
    assert_memory_equal(map.data, "abc", 3);
    file_unmap(&map);
    assert_null(map.data);
    file_unmap(&map);
}

/* kB of files, also of those that are in memory anyway, which count for this process. */
static long resident_files(void) {
    char line[200];
    long sum = 0, kb;
    FILE *file = fopen("/proc/self/status", "r");
    assert_non_null(file);
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "RssFile: %ld", &kb) == 1 || sscanf(line, "RssShmem: %ld", &kb) == 1)
            sum += kb;
    fclose(file);
    return sum;
}

static void test_map_rest(void **state) {
    enum { SIZE = 8 << 20 };
    Path path = in_scratch(state, "large");
    FileMap map;
    Error err = {0};
    char *text = malloc(SIZE);
    assert_non_null(text);
    memset(text, 'x', SIZE);
    scratch_file(path.text, text, SIZE);
    assert_int_equal(file_map(&map, path.text, &err), 0);
    file_map_fetch(map.data, map.size);
    assert_memory_equal(map.data, text, SIZE);
    const long before = resident_files();
    file_map_rest(&map);
    assert_true(before - resident_files() > 7 << 10);
    assert_memory_equal(map.data, text, SIZE);
    file_unmap(&map);
    file_map_rest(&map);
    free(text);
}

static void test_map_empty(void **state) {
    Path path = in_scratch(state, "empty");
    FileMap map = {.size = 1};
    scratch_file(path.text, "", 0);
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(map.size, 0);
    assert_null(map.data);
    file_unmap(&map);
}

static void test_open_errors(void **state) {
    Arena *arena = arena_create();
    Path missing = in_scratch(state, "missing"), pipe_path = in_scratch(state, "pipe");
    FileMap map;
    Error err = {0};
    assert_int_equal(file_map(&map, missing.text, &err), -1);
    assert_error(&err, ERROR_INPUT, missing.text, "cannot open: No such file or directory");
    assert_int_equal(map.size, 0);
    assert_int_equal(file_map(&map, *state, &err), -1);
    assert_error(&err, ERROR_INPUT, *state, "cannot open: Is a directory");
    assert_int_equal(mkfifo(pipe_path.text, 0600), 0);
    assert_int_equal(file_map(&map, pipe_path.text, &err), -1);
    assert_error(&err, ERROR_INPUT, pipe_path.text, "cannot open: not a regular file");
    assert_null(file_read(missing.text, 10, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, missing.text, "cannot open: No such file or directory");
    assert_null(file_read(*state, 10, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, *state, "cannot open: Is a directory");
    assert_null(file_read_gz(*state, 10, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, *state, "cannot open: Is a directory");
    arena_free(arena);
}

static void test_unreadable(void **state) {
    Path path = in_scratch(state, "secret");
    FileMap map;
    Error err = {0};
    scratch_file(path.text, "abc", 3);
    assert_int_equal(chmod(path.text, 0), 0);
    bool root = geteuid() == 0; /* who may read everything */
    assert_int_equal(root ? seteuid(65534) : 0, 0);
    int result = file_map(&map, path.text, &err);
    assert_int_equal(root ? seteuid(0) : 0, 0);
    assert_int_equal(result, -1);
    assert_error(&err, ERROR_INPUT, path.text, "cannot open: Permission denied");
}

static void test_read(void **state) {
    Arena *arena = arena_create();
    Path path = in_scratch(state, "a");
    Error err = {0};
    size_t size = 99;
    scratch_file(path.text, "a\0bc\n", 5);
    char *text = file_read(path.text, 5, arena, &size, &err);
    assert_non_null(text);
    assert_int_equal(size, 5);
    assert_memory_equal(text, "a\0bc\n", 6);
    assert_non_null(file_read(path.text, SIZE_MAX, arena, NULL, &err));
    assert_null(file_read(path.text, 4, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, path.text, "too large: over 4 bytes");
    scratch_file(path.text, "", 0);
    text = file_read(path.text, 0, arena, &size, &err);
    assert_string_equal(text, "");
    assert_int_equal(size, 0);
    arena_free(arena);
}

static void test_read_pipe(void **state) {
    (void)state;
    Arena *arena = arena_create();
    int ends[2];
    char path[40], sent[60000];
    size_t size;
    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (char)(i * 7);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], sent, sizeof sent), sizeof sent);
    close(ends[1]);
    snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    char *text = file_read(path, 1 << 20, arena, &size, NULL);
    assert_non_null(text);
    assert_int_equal(size, sizeof sent);
    assert_memory_equal(text, sent, size);
    close(ends[0]);
    arena_free(arena);
}

/* Packs text as one gzip member; returns its size. */
static size_t pack(const void *text, size_t size, unsigned char *out, size_t room) {
    z_stream z = {.next_in = (unsigned char *)(uintptr_t)text,
                  .avail_in = (unsigned)size,
                  .next_out = out,
                  .avail_out = (unsigned)room};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t packed = z.total_out;
    deflateEnd(&z);
    return packed;
}

static void test_read_gz(void **state) {
    Arena *arena = arena_create();
    Path path = in_scratch(state, "a.gz");
    unsigned char packed[400];
    size_t size;
    scratch_file(path.text, "plain\n", 6);
    assert_string_equal(file_read_gz(path.text, 6, arena, &size, NULL), "plain\n");
    assert_int_equal(size, 6);
    size_t first = pack("one ", 4, packed, sizeof packed);
    size_t both = first + pack("two", 3, packed + first, sizeof packed - first);
    scratch_file(path.text, packed, both);
    assert_string_equal(file_read_gz(path.text, 7, arena, &size, NULL), "one two");
    assert_int_equal(size, 7);
    scratch_file(path.text, packed, pack("", 0, packed, sizeof packed));
    assert_string_equal(file_read_gz(path.text, 0, arena, &size, NULL), "");
    scratch_file(path.text, "", 0);
    assert_string_equal(file_read_gz(path.text, 0, arena, &size, NULL), "");
    arena_free(arena);
}

static void test_gz_cut_at_every_byte(void **state) {
    Arena *arena = arena_create();
    Path path = in_scratch(state, "a.gz");
    unsigned char packed[400];
    char text[300];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + i * i % 23);
    size_t size = pack(text, sizeof text, packed, sizeof packed);
    for (size_t cut = 2; cut < size; cut++) { /* one byte of a gzip file is a plain file of one byte */
        Error err = {0};
        scratch_file(path.text, packed, cut);
        assert_null(file_read_gz(path.text, 1 << 20, arena, NULL, &err));
        assert_error(&err, ERROR_INPUT, path.text, "the gzip data is cut short");
    }
    arena_free(arena);
}

static void test_gz_corrupt_or_long(void **state) {
    Arena *arena = arena_create();
    Path path = in_scratch(state, "a.gz");
    Error err = {0};
    unsigned char packed[4000];
    size_t size = pack("some text", 9, packed, sizeof packed);
    packed[size - 6] ^= 1; /* in the CRC */
    scratch_file(path.text, packed, size);
    assert_null(file_read_gz(path.text, 100, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, path.text, "the gzip data is corrupt");
    size_t n_zeros = 2000000; /* packs a thousandfold */
    char *zeros = calloc(n_zeros, 1);
    size = pack(zeros, n_zeros, packed, sizeof packed);
    free(zeros);
    scratch_file(path.text, packed, size);
    assert_non_null(file_read_gz(path.text, n_zeros, arena, NULL, &err));
    assert_null(file_read_gz(path.text, n_zeros - 1, arena, NULL, &err));
    assert_error(&err, ERROR_INPUT, path.text, "too large: over 1999999 bytes");
    arena_free(arena);
}

/* --- writing --- */

static void test_write(void **state) {
    Path path = in_scratch(state, "out");
    struct stat info;
    mode_t mask = umask(027);
    assert_int_equal(file_write(path.text, "old", 3, NULL), 0);
    umask(mask);
    assert_content(path.text, "old");
    assert_int_equal(stat(path.text, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);

    FileWriter *writer = file_create(path.text, NULL);
    assert_non_null(writer);
    assert_int_equal(file_append(writer, "ne", 2), 0);
    assert_int_equal(file_append(writer, NULL, 0), 0);
    assert_int_equal(file_printf(writer, "w %d", 5), 0);
    assert_content(path.text, "old"); /* until the commit */
    assert_int_equal(scratch_count(state), 2);
    assert_int_equal(file_commit(writer, NULL), 0);
    assert_content(path.text, "new 5");

    writer = file_create(path.text, NULL);
    file_append(writer, "third", 5);
    file_discard(writer);
    file_discard(NULL);
    assert_content(path.text, "new 5");
    assert_int_equal(scratch_count(state), 1);
    mask = umask(0);
    assert_int_equal(file_write(path.text, "", 0, NULL), 0);
    umask(mask);
    assert_content(path.text, "");
    assert_int_equal(stat(path.text, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
}

static void test_write_large(void **state) {
    Path path = in_scratch(state, "out");
    enum { n = 300000 };
    unsigned char *data = malloc(n);
    for (int i = 0; i < n; i++)
        data[i] = (unsigned char)(i * 2654435761u >> 24);
    FileWriter *writer = file_create(path.text, NULL);
    /* Pieces of all sizes: some fit the buffer, some fill it, some go around it. */
    for (int at = 0, piece = 1; at < n; piece = piece * 3 + 1) {
        int size = piece < n - at ? piece : n - at;
        assert_int_equal(file_append(writer, data + at, size), 0);
        at += size;
    }
    assert_int_equal(file_commit(writer, NULL), 0);
    FileMap map;
    assert_int_equal(file_map(&map, path.text, NULL), 0);
    assert_int_equal(map.size, n);
    assert_memory_equal(map.data, data, n);
    file_unmap(&map);
    for (size_t size = 65535; size <= 65537; size++) { /* about as large as the buffer */
        assert_int_equal(file_write(path.text, data, size, NULL), 0);
        assert_int_equal(file_map(&map, path.text, NULL), 0);
        assert_int_equal(map.size, size);
        assert_memory_equal(map.data, data, size);
        file_unmap(&map);
    }
    free(data);
}

static void test_write_through_link(void **state) {
    Path path = in_scratch(state, "file"), link_path = in_scratch(state, "link");
    struct stat info;
    scratch_file(path.text, "old", 3);
    assert_int_equal(symlink("file", link_path.text), 0);
    assert_int_equal(file_write(link_path.text, "new", 3, NULL), 0);
    assert_content(path.text, "new");
    assert_int_equal(lstat(link_path.text, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_write_refused(void **state) {
    Path missing = in_scratch(state, "no/such/file"), special = in_scratch(state, "pipe");
    Error err = {0};
    struct stat info;
    assert_null(file_create(missing.text, &err));
    assert_error(&err, ERROR_RUN, missing.text, "cannot write: No such file or directory");
    assert_null(file_create(*state, &err));
    assert_error(&err, ERROR_RUN, *state, "cannot write: Is a directory");
    /* A pipe stands in for a device: a test that fails must not replace one of the machine's. */
    assert_int_equal(mkfifo(special.text, 0600), 0);
    assert_int_equal(file_write(special.text, "x", 1, &err), -1);
    assert_error(&err, ERROR_RUN, special.text, "cannot write: not a regular file");
    assert_int_equal(stat(special.text, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_false(file_exists(special.text));
    assert_int_equal(scratch_count(state), 1);
}

static void test_long_names(void **state) {
    char name[257];
    memset(name, 'n', sizeof name);
    name[255] = '\0';
    Path longest = in_scratch(state, name);
    assert_int_equal(file_write(longest.text, "x", 1, NULL), 0);
    assert_content(longest.text, "x");
    name[255] = 'n';
    name[256] = '\0';
    Path longer = in_scratch(state, name);
    Error err = {0};
    assert_int_equal(file_write(longer.text, "x", 1, &err), -1);
    assert_error(&err, ERROR_RUN, longer.text, "cannot write: File name too long");
    assert_int_equal(scratch_count(state), 1);
}

/* A limit on file sizes stands in for a full disk: both fail in write(2). */
static void test_disk_full(void **state) {
    Path path = in_scratch(state, "out");
    Error err = {0};
    char data[5000] = {0};
    scratch_file(path.text, "old", 3);
    struct rlimit old, small;
    getrlimit(RLIMIT_FSIZE, &old);
    small = old;
    small.rlim_cur = 100000;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    FileWriter *writer = file_create(path.text, &err);
    int failed = 0;
    for (int i = 0; i < 100; i++) {
        failed += file_append(writer, data, sizeof data) != 0;
        failed += file_printf(writer, "x") != 0;
    }
    int result = file_commit(writer, &err);
    setrlimit(RLIMIT_FSIZE, &old);
    signal(SIGXFSZ, SIG_DFL);
    assert_true(failed > 100); /* and stays failed */
    assert_int_equal(result, -1);
    assert_error(&err, ERROR_RUN, path.text, "cannot write: File too large");
    assert_content(path.text, "old");
    assert_int_equal(scratch_count(state), 1);
}

/* --- folders, paths, digest --- */

static void test_folders(void **state) {
    Path deep = in_scratch(state, "a//b/c/"), file = in_scratch(state, "file"),
         under = in_scratch(state, "file/x");
    Error err = {0};
    assert_int_equal(make_folders(deep.text, &err), 0);
    assert_true(folder_exists(deep.text));
    assert_int_equal(make_folders(deep.text, &err), 0);
    assert_int_equal(make_folders("/", &err), 0);
    assert_int_equal(make_folders("", &err), 0);
    scratch_file(file.text, "", 0);
    assert_int_equal(make_folders(under.text, &err), -1);
    assert_error(&err, ERROR_RUN, file.text, "cannot create the folder: File exists");
    assert_true(file_exists(file.text));
    assert_false(folder_exists(file.text));
    assert_false(file_exists(*state));
    assert_false(file_exists(under.text));
}

/* The vectors of FIPS 180-2, appendix B. */
static void test_digest(void **state) {
    (void)state;
    char out[65];
    digest_bytes(out, NULL, 0);
    assert_string_equal(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    digest_bytes(out, "abc", 3);
    assert_string_equal(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *million = malloc(1000000);
    memset(million, 'a', 1000000);
    digest_bytes(out, million, 1000000);
    assert_string_equal(out, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(million);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(test_map),
        IN_SCRATCH(test_map_rest),
        IN_SCRATCH(test_map_empty),
        IN_SCRATCH(test_open_errors),
        IN_SCRATCH(test_unreadable),
        IN_SCRATCH(test_read),
        cmocka_unit_test(test_read_pipe),
        IN_SCRATCH(test_read_gz),
        IN_SCRATCH(test_gz_cut_at_every_byte),
        IN_SCRATCH(test_gz_corrupt_or_long),
        IN_SCRATCH(test_write),
        IN_SCRATCH(test_write_large),
        IN_SCRATCH(test_write_through_link),
        IN_SCRATCH(test_write_refused),
        IN_SCRATCH(test_long_names),
        IN_SCRATCH(test_disk_full),
        IN_SCRATCH(test_folders),
        cmocka_unit_test(test_digest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
