/* test_stale_files.c: what a dead writer has left goes; what a living one writes, and all else, stays. */
#include "clip/base/stale_files.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void test_stale(void **state) {
    char path[4096], other[4096];
    Error err = {0};
    scratch_path(state, "a.txt", path, sizeof path);
    pid_t child = fork();
    if (child == 0) { /* dies with a file half written */
        FileWriter *writer = file_create(path, NULL);
        if (writer && file_append(writer, "half", 4) == 0)
            raise(SIGKILL);
        _exit(1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    FileWriter *writer = file_create(path, &err);
    assert_non_null(writer);
    static const char *const others[] = {".a.txt.0123456789abcdeg.tmp", "a.txt.0123456789abcdef.tmp",
                                         ".0123456789abcdef.tmp", ".tmp", ".a.txt.0123456789abcdef.tmq"};
    for (int i = 0; i < 5; i++)
        scratch_file(scratch_path(state, others[i], other, sizeof other), "", 0);
    assert_int_equal(scratch_count(state), 7);
    assert_int_equal(remove_stale_files(*state), 1);
    assert_int_equal(scratch_count(state), 6);
    file_append(writer, "whole", 5);
    assert_int_equal(file_commit(writer, &err), 0);
    assert_int_equal(remove_stale_files(*state), 0);
    assert_int_equal(scratch_count(state), 6);
    assert_int_equal(remove_stale_files(scratch_path(state, "nowhere", other, sizeof other)), 0);
}

/* Files written while another process removes what it can get: none is lost. */
static void test_race(void **state) {
    char path[4096];
    Error err = {0};
    scratch_path(state, "a.txt", path, sizeof path);
    pid_t child = fork();
    if (child == 0)
        for (;;)
            remove_stale_files(*state);
    int failed = 0;
    for (int i = 0; i < 300 && !failed; i++)
        failed = file_write(path, &i, sizeof i, &err) < 0;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    if (failed)
        fail_msg("%s", err.text);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_stale), TEST(test_race)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
