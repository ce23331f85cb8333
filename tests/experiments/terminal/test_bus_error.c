/* test_bus_error.c: maps of files that are cut, each touched in a process of its own. */
#include "experiments/terminal/bus_error.h"

#include "clip/base/files.h"
#include "clip/base/parallel.h"
#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { SIZE = 1 << 16 };

typedef struct {
    void **state;
    char said[2048]; /* on stderr */
    int status;      /* 128 + a signal's number */
    char path[4096];
    FileMap map;
} Trial;

static const unsigned char *cut_map(Trial *trial) {
    static const char zeros[SIZE];
    scratch_path(trial->state, "cut\nfile", trial->path, sizeof trial->path);
    scratch_file(trial->path, zeros, sizeof zeros);
    if (file_map(&trial->map, trial->path, NULL) != 0 || truncate(trial->path, 0) != 0)
        _exit(99);
    return trial->map.data;
}

/* What becomes of a process that does this. */
static void in_a_process(Trial *trial, void (*act)(Trial *trial)) {
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(ends[1], STDERR_FILENO);
        alarm(20);
        signal(SIGBUS, SIG_DFL); /* not that of the test's own library */
        act(trial);
        _exit(0);
    }
    close(ends[1]);
    size_t n = 0;
    for (ssize_t got; (got = read(ends[0], trial->said + n, sizeof trial->said - 1 - n)) > 0;)
        n += (size_t)got;
    trial->said[n] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    trial->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void touch_tile(void *context, int tile, int worker) {
    (void)worker;
    const volatile unsigned char *data = context;
    (void)data[tile * 1000];
}

static void touch(Trial *trial) {
    bus_error_install();
    touch_tile((void *)(uintptr_t)cut_map(trial), 1, 0);
}

static void touch_from_threads(Trial *trial) {
    bus_error_install();
    Pool *pool = pool_create(4);
    pool_run(pool, 50, touch_tile, (void *)(uintptr_t)cut_map(trial));
}

static void touch_after_others(Trial *trial) {
    FileMap others[3];
    bus_error_install();
    for (int i = 0; i < 3; i++)
        file_map(&others[i], "/proc/self/exe", NULL);
    file_unmap(&others[1]);
    const unsigned char *data = cut_map(trial);
    file_unmap(&others[0]);
    touch_tile((void *)(uintptr_t)data, 1, 0);
}

/* A map that is none of these: what another library has mapped. */
static void touch_foreign(Trial *trial) {
    bus_error_install();
    cut_map(trial);
    int file = open(trial->path, O_RDONLY);
    touch_tile(mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, file, 0), 1, 0);
}

static void touch_unwatched(Trial *trial) {
    touch_tile((void *)(uintptr_t)cut_map(trial), 1, 0);
}

static void kill_from_outside(Trial *trial) {
    bus_error_install();
    cut_map(trial);
    raise(SIGBUS);
}

static void a_cut_file_is_named(void **state) {
    static void (*const acts[])(Trial *) = {touch, touch_from_threads, touch_after_others};
    for (int i = 0; i < 3; i++) {
        Trial trial = {.state = state};
        char want[4200], path[4096];
        if (acts[i] == touch_from_threads && scratch_instrumented()) /* they lose what they stand on */
            continue;
        in_a_process(&trial, acts[i]);
        snprintf(want, sizeof want, "%s: was cut while being read\n",
                 scratch_path(state, "cut?file", path, sizeof path));
        assert_string_equal(trial.said, want);
        assert_int_equal(trial.status, ERROR_RUN);
    }
}

static void other_bus_errors_are_what_they_were(void **state) {
    static void (*const acts[])(Trial *) = {touch_foreign, touch_unwatched, kill_from_outside};
    if (scratch_instrumented()) /* a sanitizer has a handler of its own */
        skip();
    for (int i = 0; i < 3; i++) {
        Trial trial = {.state = state};
        in_a_process(&trial, acts[i]);
        assert_string_equal(trial.said, "");
        assert_int_equal(trial.status, 128 + SIGBUS);
    }
}

#define SCRATCH_TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {SCRATCH_TEST(a_cut_file_is_named),
                                       SCRATCH_TEST(other_bus_errors_are_what_they_were)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
