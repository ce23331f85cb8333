/* test_text_map.c: see text_map.h */
#include "clip/base/text_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void finds_what_was_put(void **state) {
    (void)state;
    enum { N = 5000 };
    Arena *arena = arena_create();
    TextMap map = {.arena = arena};
    for (int i = 0; i < N; i++) {
        const char *text = arena_printf(arena, "class %d", i * 7919 % N);
        assert_null(text_map_find(&map, text));
        assert_int_equal(text_map_put(&map, text, i * 7919 % N), 0);
    }
    assert_int_equal(map.n, N);
    for (int i = 0; i < N; i++) {
        const int *value = text_map_find(&map, arena_printf(arena, "class %d", i));
        assert_non_null(value);
        assert_int_equal(*value, i);
    }
    assert_null(text_map_find(&map, "class 5000"));
    assert_null(text_map_find(&map, ""));
    arena_free(arena);
}

static void the_last_value_counts(void **state) {
    (void)state;
    Arena *arena = arena_create();
    TextMap map = {.arena = arena};
    assert_null(text_map_find(&map, "a"));
    assert_int_equal(text_map_put(&map, "a", 1), 0);
    assert_int_equal(text_map_put(&map, "", -3), 0);
    assert_int_equal(text_map_put(&map, "a", 2), 0);
    assert_int_equal(map.n, 2);
    assert_int_equal(*text_map_find(&map, "a"), 2);
    assert_int_equal(*text_map_find(&map, ""), -3);
    ++*text_map_find(&map, "a");
    assert_int_equal(*text_map_find(&map, "a"), 3);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_was_put),
                                       cmocka_unit_test(the_last_value_counts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
