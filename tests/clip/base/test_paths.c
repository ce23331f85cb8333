/* test_paths.c: clip/base/paths.c. */
#include "clip/base/paths.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state) {
    (void)state;
    Arena *arena = arena_create();
    assert_string_equal(path_join(arena, "a", "b"), "a/b");
    assert_string_equal(path_join(arena, "a/", "b/c"), "a/b/c");
    assert_string_equal(path_join(arena, "a", "/b"), "/b");
    assert_string_equal(path_join(arena, "", "b"), "b");
    assert_string_equal(path_join(arena, "/", "b"), "/b");
    assert_string_equal(path_folder(arena, "a/b/c.txt"), "a/b");
    assert_string_equal(path_folder(arena, "c.txt"), ".");
    assert_string_equal(path_folder(arena, "/c"), "/");
    assert_string_equal(path_folder(arena, "/"), "/");
    assert_string_equal(path_folder(arena, "a//b//"), "a");
    assert_string_equal(path_folder(arena, ""), ".");
    assert_string_equal(path_last(arena, "a/b/c.txt"), "c.txt");
    assert_string_equal(path_last(arena, "a//b//"), "b");
    assert_string_equal(path_last(arena, "c"), "c");
    assert_string_equal(path_last(arena, "/"), "");
    assert_string_equal(path_last(arena, ""), "");
    const char *home = getenv("HOME");
    char *saved = home ? strdup(home) : NULL;
    setenv("HOME", "/home/me", 1);
    assert_string_equal(path_expand(arena, "~/models/a.pt"), "/home/me/models/a.pt");
    assert_string_equal(path_expand(arena, "~"), "/home/me");
    assert_string_equal(path_expand(arena, "~me/a"), "~me/a");
    assert_string_equal(path_expand(arena, "a/~/b"), "a/~/b");
    unsetenv("HOME");
    assert_string_equal(path_expand(arena, "~/a"), "~/a");
    if (saved)
        setenv("HOME", saved, 1);
    free(saved);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
