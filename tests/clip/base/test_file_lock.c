/* test_file_lock.c: one holder at a time, until the file is closed. */
#include "clip/base/file_lock.h"

#include "tests/support/scratch.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

static void test_lock(void **state) {
    char path[4096];
    scratch_file(scratch_path(state, "a", path, sizeof path), "", 0);
    int a = open(path, O_RDWR), b = open(path, O_RDWR);
    assert_true(a >= 0 && b >= 0);
    assert_int_equal(file_lock(a), FILE_LOCKED);
    assert_int_equal(file_try_lock(a), FILE_LOCKED);
    assert_int_equal(file_try_lock(b), FILE_BUSY);
    close(a);
    assert_int_equal(file_try_lock(b), FILE_LOCKED);
    close(b);
    assert_int_equal(file_lock(b), FILE_LOCK_FAILED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lock, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
