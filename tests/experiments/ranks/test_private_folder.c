/* test_private_folder.c: a folder of its own, and those that killed processes have left. */
#include "experiments/ranks/private_folder.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void fill(const char *folder) {
    char path[1024];
    Error err = {0};
    snprintf(path, sizeof path, "%s/point", folder);
    assert_int_equal(make_folders(path, &err), 0);
    snprintf(path, sizeof path, "%s/point/a", folder);
    scratch_file(path, "x", 1);
}

static void test_folder(void **state) {
    PrivateFolder one, two;
    Error err = {0};
    setenv("TMPDIR", *state, 1);
    assert_int_equal(private_folder_create(&one, &err), 0);
    assert_int_equal(private_folder_create(&two, &err), 0);
    unsetenv("TMPDIR");
    fill(one.path);
    assert_true(folder_exists(one.path)); /* the second has not taken it for left behind */
    assert_int_equal(scratch_count(state), 2);
    private_folder_remove(&one);
    private_folder_remove(&one);
    private_folder_remove(&two);
    assert_int_equal(scratch_count(state), 0);
}

static void test_left(void **state) {
    PrivateFolder folder;
    Error err = {0};
    char other[4096];
    setenv("TMPDIR", *state, 1);
    make_folders(scratch_path(state, "coop-rank.strange", other, sizeof other), &err); /* no lock: not ours */
    const pid_t child = fork();
    if (child == 0) {
        if (private_folder_create(&folder, &err) == 0)
            fill(folder.path);
        raise(SIGKILL);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(scratch_count(state), 2);
    assert_int_equal(private_folder_create(&folder, &err), 0);
    unsetenv("TMPDIR");
    assert_int_equal(scratch_count(state), 2); /* the strange one, and the new one */
    private_folder_remove(&folder);
    assert_int_equal(scratch_count(state), 1);
}

static void test_nowhere(void **state) {
    PrivateFolder folder;
    Error err = {0};
    char nowhere[4096];
    setenv("TMPDIR", scratch_path(state, "nowhere", nowhere, sizeof nowhere), 1);
    assert_int_equal(private_folder_create(&folder, &err), -1);
    unsetenv("TMPDIR");
    assert_non_null(strstr(err.text, "nowhere: cannot make a folder (TMPDIR names another place)"));
    private_folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_folder, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_left, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_nowhere, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
