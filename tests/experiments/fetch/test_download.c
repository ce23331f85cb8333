/* A file is there whole and verified, or not at all, whatever the server and the disk do. */
#include "experiments/fetch/download.h"

#include "clip/base/file_lock.h"
#include "clip/base/files.h"
#include "experiments/terminal/interrupt.h"
#include "tests/support/scratch.h"
#include "tests/web/web_server.h"

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
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 3 << 20 };

static const FetchOptions options = {.quiet = true, .tries = 4, .pause = 0.01, .stall = 2};

typedef struct {
    HttpClient *client;
    WebServer server;
    Arena *arena;
    char *data; /* (SIZE) */
    Download what;
    Error err;
} Fixture;

/* Data that repeat nowhere, and a server that treats them so. */
static Fixture *start(void **state, const Fault *faults, int n) {
    Arena *arena = arena_create();
    Fixture *f = ARENA_NEW(arena, Fixture, 1);
    char *digest = ARENA_NEW(arena, char, 65);
    f->arena = arena;
    f->data = ARENA_NEW(arena, char, SIZE);
    for (int i = 0; i < SIZE; i++)
        f->data[i] = (char)((unsigned)i * 2654435761u >> 21);
    digest_bytes(digest, f->data, SIZE);
    faulty_start(&f->server, f->data, SIZE, faults, n, arena);
    f->client = http_open(&f->err);
    assert_non_null(f->client);
    f->what = (Download){.url = web_url(&f->server, "x"),
                         .path = arena_printf(arena, "%s/a/b/file", (char *)*state),
                         .partial = arena_printf(arena, "%s/a/b/file.part", (char *)*state),
                         .digest = digest,
                         .size = SIZE};
    return f;
}

static void stop(Fixture *f) {
    http_close(f->client);
    web_stop(&f->server);
    arena_free(f->arena);
}

static void put_partial(Fixture *f, const char *data, size_t size, const char *etag) {
    assert_int_equal(make_folders(path_folder(f->arena, f->what.path), NULL), 0);
    scratch_file(f->what.partial, data, size);
    if (etag)
        scratch_file(arena_printf(f->arena, "%s.etag", f->what.partial), etag, strlen(etag));
}

/* All is there, and nothing else. */
static void assert_whole(Fixture *f) {
    size_t size;
    const char *text = file_read(f->what.path, SIZE, f->arena, &size, NULL);
    assert_non_null(text);
    assert_int_equal(size, SIZE);
    assert_memory_equal(text, f->data, SIZE);
    assert_false(file_exists(f->what.partial));
    assert_false(file_exists(arena_printf(f->arena, "%s.etag", f->what.partial)));
}

static void assert_fetched(void **state, const Fault *faults, int n) {
    Fixture *f = start(state, faults, n);
    if (download(f->client, &f->what, &options, &f->err) != 0)
        fail_msg("%s", f->err.text);
    assert_whole(f);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), 1); /* it is there */
    unlink(f->what.path);
    stop(f);
}

static void test_faults(void **state) {
    static const struct {
        Fault faults[3];
        int n;
    } cases[] = {
        {{FAULT_NONE}, 1},
        {{FAULT_BREAK, FAULT_BREAK, FAULT_NONE}, 3},
        {{FAULT_STALL, FAULT_NONE}, 2},
        {{FAULT_BUSY, FAULT_BUSY, FAULT_NONE}, 3},
        {{FAULT_BREAK, FAULT_BUSY, FAULT_NO_RANGE}, 3},
        {{FAULT_BREAK, FAULT_CHANGED}, 2}, /* from the beginning, not half of each version */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_fetched(state, cases[i].faults, cases[i].n);
}

/* Each break leaves more; without a byte in between it is given up, and what is there stays. */
static void test_gives_up(void **state) {
    static const Fault faults[] = {FAULT_BREAK, FAULT_BUSY};
    Fixture *f = start(state, faults, 2);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "answers 503"));
    FileMap map;
    assert_int_equal(file_map(&map, f->what.partial, &f->err), 0);
    assert_int_equal(map.size, SIZE / 2);
    assert_memory_equal(map.data, f->data, SIZE / 2);
    file_unmap(&map);
    assert_false(file_exists(f->what.path));
    stop(f);
}

/* What an earlier run left is gone on with: the same bytes as in one go. */
static void test_resume(void **state) {
    static const Fault none[] = {FAULT_NONE}, shift[] = {FAULT_SHIFT};
    static const size_t sizes[] = {1, SIZE / 3, SIZE - 1, SIZE};
    for (int i = 0; i < 4; i++) {
        Fixture *f = start(state, none, 1);
        put_partial(f, f->data, sizes[i], i % 2 ? "\"1\"" : NULL);
        if (download(f->client, &f->what, &options, &f->err) != 0)
            fail_msg("%s", f->err.text);
        assert_whole(f);
        unlink(f->what.path);
        stop(f);
    }
    Fixture *f = start(state, shift, 1);
    put_partial(f, f->data, 100, NULL);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "bytes from 101 on where 100 was asked for"));
    stop(f);
}

/* Left of something else: of another version, with other bytes, too much of it. */
static void test_wrong_rest(void **state) {
    static const Fault none[] = {FAULT_NONE};
    for (int i = 0; i < 3; i++) {
        Fixture *f = start(state, none, 1);
        char *other = ARENA_NEW(f->arena, char, SIZE + 10);
        put_partial(f, other, i == 2 ? SIZE + 10 : 1000, i == 0 ? "\"0\"" : NULL);
        if (download(f->client, &f->what, &options, &f->err) != 0)
            fail_msg("%d: %s", i, f->err.text);
        assert_whole(f);
        unlink(f->what.path);
        stop(f);
    }
}

static void test_wrong_digest(void **state) {
    static const Fault none[] = {FAULT_NONE};
    Fixture *f = start(state, none, 1);
    f->what.digest = "0123456789";
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "/x: not the published file: its digest is "));
    assert_false(file_exists(f->what.path));
    assert_false(file_exists(f->what.partial));
    f->what.size = 100;
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "3145728 bytes where 100 were published"));
    f->what.size = -1; /* first digits only, and no size */
    char digest[65];
    digest_bytes(digest, f->data, SIZE);
    f->what.digest = arena_printf(f->arena, "%.8s", digest);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), 0);
    assert_whole(f);
    stop(f);
}

/* A file of that name that is something else: the user's own stays, a cache's is made anew. */
static void test_other_file(void **state) {
    static const Fault none[] = {FAULT_NONE};
    Fixture *f = start(state, none, 1);
    put_partial(f, "", 0, NULL);
    scratch_file(f->what.path, "mine", 4);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "file: is there already, and not the published one ("));
    f->what.replace = true;
    assert_int_equal(download(f->client, &f->what, &options, &f->err), 0);
    assert_whole(f);
    stop(f);
}

static void test_no_space(void **state) {
    static const Fault none[] = {FAULT_NONE};
    const struct rlimit limit = {1 << 20, RLIM_INFINITY};
    const struct rlimit all = {RLIM_INFINITY, RLIM_INFINITY};
    Fixture *f = start(state, none, 1);
    const char *digest = f->what.digest;
    interrupt_install(); /* SIGXFSZ is a failed write */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
    assert_int_equal(f->err.kind, ERROR_RUN);
    assert_non_null(strstr(f->err.text, "file.part: cannot write: File too large"));
    assert_true(file_exists(f->what.partial));
    f->what.size = (int64_t)1 << 60; /* before the first byte */
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_non_null(strstr(f->err.text, "file: no space: 1099511627775 MiB are needed, and "));
    f->what.size = SIZE; /* and with space, it goes on */
    f->what.digest = digest;
    f->err = (Error){0};
    if (download(f->client, &f->what, &options, &f->err) != 0)
        fail_msg("%s", f->err.text);
    assert_whole(f);
    stop(f);
}

/* Several at a time take turns, and each finds the file whole. */
static void test_at_once(void **state) {
    static const Fault faults[] = {FAULT_BREAK, FAULT_NONE};
    enum { N = 5 };
    Fixture *f = start(state, faults, 2);
    f->what.lock = arena_printf(f->arena, "%s/locks/file.lock", (char *)*state);
    pid_t children[N];
    for (int i = 0; i < N; i++) {
        children[i] = fork();
        if (children[i] == 0) {
            HttpClient *client = http_open(&f->err);
            const bool good = client && download(client, &f->what, &options, &f->err) >= 0;
            http_close(client);
            http_close(f->client);
            arena_free(f->arena);
            _exit(good ? 0 : 1);
        }
    }
    for (int i = 0; i < N; i++) {
        int status;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    assert_whole(f);
    stop(f);
}

/* Another program has the lock: Ctrl-C ends the wait. Last, for the signal stays. */
static void test_signal(void **state) {
    static const Fault none[] = {FAULT_NONE};
    Fixture *f = start(state, none, 1);
    f->what.lock = arena_printf(f->arena, "%s/file.lock", (char *)*state);
    const int lock = open(f->what.lock, O_RDWR | O_CREAT, 0600);
    assert_int_equal(file_try_lock(lock), FILE_LOCKED);
    signal(SIGINT, SIG_DFL); /* which is ignored where the tests run in the background */
    interrupt_install();
    const pid_t child = fork();
    if (child == 0) {
        usleep(300000);
        kill(getppid(), SIGINT);
        _exit(0);
    }
    assert_int_equal(download(f->client, &f->what, &options, &f->err), -1);
    assert_int_equal(f->err.kind, ERROR_SIGNAL);
    assert_false(file_exists(f->what.path));
    waitpid(child, NULL, 0);
    close(lock);
    stop(f);
}

#define WEB_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        WEB_TEST(test_faults),     WEB_TEST(test_gives_up),     WEB_TEST(test_resume),
        WEB_TEST(test_wrong_rest), WEB_TEST(test_wrong_digest), WEB_TEST(test_other_file),
        WEB_TEST(test_no_space),   WEB_TEST(test_at_once),      WEB_TEST(test_signal)};
    if (!http_available())
        return 0;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
