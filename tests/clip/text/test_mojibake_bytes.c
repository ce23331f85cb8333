/* Bytes put right and read, against what ftfy 6.3 makes of them. */
#include "clip/text/mojibake_bytes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <uchar.h>

#include <cmocka.h>

typedef size_t Repair(uint8_t *out, const uint8_t *bytes, size_t size);

static void check(Repair *repair, const char *bytes, const char *expected) {
    uint8_t out[256];
    size_t size = repair(out, (const uint8_t *)bytes, strlen(bytes));
    assert_int_equal(size, strlen(expected));
    assert_memory_equal(out, expected, size);
}

static void test_spaces(void **state) {
    (void)state;
    check(bytes_restore_a0, "\xC2 x\xC5 \xCE \xD0 \xD9 ", "\xC2\xA0x\xC5\xA0\xCE\xA0\xD0\xA0\xD9\xA0");
    check(bytes_restore_a0, "\xC4 \xE4 \x80", "\xC4 \xE4 \x80");
    check(bytes_restore_a0, "\xE2 \x80\xE3\x80 \xE1\x81 ", "\xE2\xA0\x80\xE3\x80\xA0\xE1\x81\xA0");
    check(bytes_restore_a0, "\xE1 \x80\xE3\x85 \xE2 \xA0", "\xE1 \x80\xE3\x85 \xE2 \xA0");
    check(bytes_restore_a0, "\xF0 \x80\x85\xF0\x80 \xA0\xF0\x80\x80 ",
          "\xF0\xA0\x80\x85\xF0\x80\xA0\xA0\xF0\x80\x80\xA0");
    check(bytes_restore_a0, "\xF0  \x80\xF0\x80 ", "\xF0  \x80\xF0\x80 ");
}

static void test_a_grave(void **state) {
    (void)state;
    check(bytes_restore_a0, "\xC3 la", "\xC3\xA0 la");
    check(bytes_restore_a0, "\xC3 ", "\xC3\xA0 ");
    check(bytes_restore_a0, "\xC3  a", "\xC3\xA0 a");
    check(bytes_restore_a0, "\xC3 quele \xC3 quilo", "\xC3\xA0quele \xC3\xA0quilo");
    check(bytes_restore_a0, "\xC3 quel \xC3 s \xC3 s", "\xC3\xA0 quel \xC3\xA0s \xC3\xA0 s");
}

#define U_FFFD "\xEF\xBF\xBD"

static void test_lossy(void **state) {
    (void)state;
    check(bytes_replace_lossy, "\xC2\x1A\xDF\x1A\xC3?\xC4?\x1A", U_FFFD U_FFFD U_FFFD "\xC4?" U_FFFD);
    check(bytes_replace_lossy, "\xE2\x80?\xE2?\x80\xE2\x1A?", U_FFFD U_FFFD U_FFFD);
    check(bytes_replace_lossy, "\xE2??\xE2\x80\x80", "\xE2??\xE2\x80\x80");
    check(bytes_replace_lossy, "\xF0\x9F?\x80\xF4\x1A\x1A?", U_FFFD U_FFFD);
    check(bytes_replace_lossy, "\xF0??\x80\xF5\x9F?\x80", "\xF0??\x80\xF5\x9F?\x80");
    check(bytes_replace_lossy, "\xED\xA0\x1A\xED\xB0?\xED\xA0\x80\xED\xB0\x80",
          U_FFFD "\xED\xA0\x80\xED\xB0\x80");
    check(bytes_replace_lossy, "\xED\xA0\x80\xED\xB0\x1A", U_FFFD);
    check(bytes_replace_lossy, "\xED\xB0\x1A", U_FFFD);
}

static void check_decoded(const char *bytes, size_t size, const char32_t *expected, size_t count) {
    uint32_t out[64];
    size_t found;
    assert_true(bytes_decode(out, &found, (const uint8_t *)bytes, size));
    assert_int_equal(found, count);
    assert_memory_equal(out, expected, count * sizeof *out);
}

static void check_refused(const char *bytes) {
    uint32_t out[64];
    size_t count;
    assert_false(bytes_decode(out, &count, (const uint8_t *)bytes, strlen(bytes)));
}

static void test_decode(void **state) {
    (void)state;
    check_decoded("a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80", 10, U"a\u00E9\u20AC\U0001F600", 4);
    check_decoded("\xED\xA0\xBD\xED\xB8\x80\xED\x95\x9C", 9, U"\U0001F600\uD55C", 2);
    check_decoded("a\xC0\x80z", 4, U"a\0z", 3);
    check_decoded("", 0, U"", 0);
    check_refused("\xC3");
    check_refused("\xE2\x82");
    check_refused("\xC1\x80");
    check_refused("\xF5\x80\x80\x80");
    check_refused("\xED\xA0\x80");
    check_refused("\xED\xB8\x80\xED\xA0\xBD");
    check_refused("\xED\xA0\xBD\xED\xB8");
    check_refused("\xC0");
}

/* ftfy's patterns take a last newline for the end of the bytes. */
static void test_decode_newline(void **state) {
    (void)state;
    check_decoded("a\xC0\n", 3, U"a\0", 2);
    check_decoded("\xED\xA0\x80\xED\xB0\n", 6, U"\U0001000A", 1);
    check_refused("\xC0\nb");
    check_refused("\xED\xA0\x80\xED\xB0\nb");
    check_refused("\xED\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_spaces), cmocka_unit_test(test_a_grave),
                                       cmocka_unit_test(test_lossy), cmocka_unit_test(test_decode),
                                       cmocka_unit_test(test_decode_newline)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
