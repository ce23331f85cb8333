/* test_buffer.c: clip/base/buffer.c */
#include "clip/base/buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void grows(void **state) {
    (void)state;
    char expected[5001], *at = expected;
    Buffer buffer = {0};
    assert_string_equal(buffer_text(&buffer), "");
    for (int i = 0; i < 1000; i++) {
        buffer_putc(&buffer, (char)('a' + i % 26));
        buffer_puts(&buffer, "");
        buffer_printf(&buffer, "%03d", i);
        buffer_append(&buffer, "\n", 1);
        *at++ = (char)('a' + i % 26);
        at += sprintf(at, "%03d\n", i);
    }
    assert_int_equal(buffer.size, 5000);
    assert_string_equal(buffer_text(&buffer), expected);
    buffer_free(&buffer);
    assert_string_equal(buffer_text(&buffer), "");
}

/* Every length around the room that is there, by each way to append. */
static void meets_the_capacity(void **state) {
    (void)state;
    char text[600];
    for (int n = 200; n < 600; n++) {
        Buffer printed = {0}, put = {0};
        memset(text, 'x', sizeof text);
        text[n - 1] = '\0';
        buffer_putc(&printed, 'x');
        buffer_putc(&put, 'x');
        buffer_printf(&printed, "%s", text);
        buffer_puts(&put, text);
        text[n - 1] = 'x';
        text[n] = '\0';
        assert_string_equal(buffer_text(&printed), text);
        assert_string_equal(buffer_text(&put), text);
        assert_int_equal(printed.size, n);
        buffer_free(&printed);
        buffer_free(&put);
    }
}

static void holds_any_bytes(void **state) {
    (void)state;
    Buffer buffer = {0};
    buffer_append(&buffer, NULL, 0);
    buffer_append(&buffer, "a\0b", 3);
    assert_memory_equal(buffer_text(&buffer), "a\0b", 4);
    Arena *arena = arena_create();
    char *copy = buffer_take(&buffer, arena);
    assert_memory_equal(copy, "a\0b", 4);
    assert_null(buffer.bytes);
    arena_free(arena);
}

/* More than there can be: nothing is written, and nothing later makes the text whole again. */
static void failure_stays(void **state) {
    (void)state;
    static const size_t much[] = {(size_t)1 << 39, (size_t)1 << 60, SIZE_MAX};
    for (int i = 0; i < 3; i++) {
        Buffer buffer = {0};
        buffer_puts(&buffer, "class 1\n");
        buffer_append(&buffer, "class 2\n", much[i]);
        buffer_puts(&buffer, "class 3\n");
        buffer_printf(&buffer, "class %d\n", 4);
        assert_null(buffer_text(&buffer));
        assert_null(buffer_take(&buffer, NULL));
        assert_false(buffer.failed);
    }
}

/* An arena that has failed has lost some of the text's parts. */
static void failed_arena_takes_nothing(void **state) {
    (void)state;
    Buffer buffer = {0};
    Arena *arena = arena_create();
    buffer_puts(&buffer, "text");
    assert_null(arena_alloc(arena, SIZE_MAX, 2));
    assert_null(buffer_take(&buffer, arena));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(grows), cmocka_unit_test(meets_the_capacity),
                                       cmocka_unit_test(holds_any_bytes), cmocka_unit_test(failure_stays),
                                       cmocka_unit_test(failed_arena_takes_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
