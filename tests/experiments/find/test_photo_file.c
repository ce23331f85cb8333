/* test_photo_file.c: photos that are there, have changed, or are gone; members of tar files. */
#define _GNU_SOURCE
#include "experiments/find/photo_file.h"

#include "tests/support/scratch.h"
#include "tests/support/tar_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static void states(void **state) {
    char path[512];
    struct stat info;
    scratch_file(scratch_path(state, "a.jpg", path, sizeof path), "bytes", 5);
    assert_int_equal(stat(path, &info), 0);
    IndexEntry entry = {.path = path,
                        .size = 5,
                        .changed_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec};
    assert_int_equal(photo_state(&entry), PHOTO_THERE);
    entry.size = 6;
    assert_int_equal(photo_state(&entry), PHOTO_CHANGED);
    entry.size = 5;
    entry.changed_ns++;
    assert_int_equal(photo_state(&entry), PHOTO_CHANGED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(photo_state(&entry), PHOTO_GONE);
}

static void bytes_of_members(void **state) {
    char path[512];
    size_t size;
    Error err = {0};
    Buffer tar = {0};
    Arena *arena = arena_create();
    tar_text(&tar, "a.txt", "first");
    tar_text(&tar, "b.jpg", "second one");
    tar_end(&tar);
    tar_save(&tar, scratch_path(state, "x.tar", path, sizeof path));
    IndexEntry entry = {.path = path, .member = "b.jpg"};
    const unsigned char *bytes = photo_bytes(&entry, &size, arena, &err);
    assert_non_null(bytes);
    assert_int_equal(size, 10);
    assert_memory_equal(bytes, "second one", 10);
    assert_non_null(strstr(photo_name(&entry, arena), "x.tar: b.jpg"));
    entry.member = "c.jpg";
    assert_null(photo_bytes(&entry, &size, arena, &err));
    assert_non_null(strstr(err.text, "x.tar: no member c.jpg"));
    entry.member = NULL;
    entry.path = "/nowhere/at/all";
    assert_null(photo_bytes(&entry, &size, arena, &err));
    arena_free(arena);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, scratch_setup, scratch_teardown)
    const struct CMUnitTest tests[] = {TEST(states), TEST(bytes_of_members)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
