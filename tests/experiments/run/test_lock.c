/* test_lock.c: two runs cannot hold one folder; one that has just died can be followed at once. */
#include "experiments/run/lock.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A child that holds the lock of the folder for so long, or until the pipe closes when that is 0. */
static pid_t hold(const char *folder, int milliseconds, int *until) {
    int ready[2], end[2];
    assert_int_equal(pipe(ready) | pipe(end), 0);
    pid_t child = fork();
    if (child == 0) {
        Lock *lock;
        close(end[1]);
        char byte = lock_take(&lock, folder, true, NULL) == 0;
        if (write(ready[1], &byte, 1) == 1 && milliseconds > 0)
            nanosleep(&(struct timespec){.tv_nsec = milliseconds * 1000000L}, NULL);
        else
            (void)!read(end[0], &byte, 1);
        _exit(0);
    }
    char holds = 0;
    assert_int_equal(read(ready[0], &holds, 1), 1);
    assert_int_equal(holds, 1);
    close(ready[0]), close(ready[1]), close(end[0]);
    *until = end[1];
    return child;
}

static void test_second_is_refused(void **state) {
    const char *folder = *state;
    int until;
    pid_t child = hold(folder, 0, &until);
    Lock *lock;
    Error err = {0};
    assert_int_equal(lock_take(&lock, folder, false, &err), -1);
    assert_null(lock);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "another run is at work in this folder"));
    close(until);
    waitpid(child, NULL, 0);
    assert_int_equal(lock_take(&lock, folder, false, NULL), 0);
    lock_release(lock);
}

/* As when a killed run's child has not reached its exec yet. */
static void test_waits_a_moment(void **state) {
    int until;
    pid_t child = hold(*state, 150, &until);
    Lock *lock;
    assert_int_equal(lock_take(&lock, *state, false, NULL), 0);
    assert_non_null(lock);
    lock_release(lock);
    close(until);
    waitpid(child, NULL, 0);
}

static void test_untouched_folder(void **state) {
    Lock *lock;
    char path[4200];
    snprintf(path, sizeof path, "%s/none", (const char *)*state);
    assert_int_equal(lock_take(&lock, path, false, NULL), 0);
    assert_null(lock);
    assert_int_equal(lock_take(&lock, path, true, NULL), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_second_is_refused, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_waits_a_moment, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(test_untouched_folder, scratch_setup, scratch_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
