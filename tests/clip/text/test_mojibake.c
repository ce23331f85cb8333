/* The repair of mojibake, against ftfy 6.3's fix_encoding. */
#include "clip/text/mojibake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

static void check(const char *text, const char *expected) {
    Arena *arena = arena_create();
    uint32_t points[256];
    char bytes[1024] = "";
    size_t count = 256, size = sizeof bytes - 1, used = arena_used(arena);
    assert_ptr_equal(u8_to_u32((const uint8_t *)text, strlen(text), points, &count), points);
    assert_int_equal(mojibake_repair(points, &count, arena, NULL), 0);
    assert_int_equal(arena_used(arena), used);
    assert_ptr_equal(u32_to_u8(points, count, (uint8_t *)bytes, &size), bytes);
    bytes[size] = '\0';
    assert_string_equal(bytes, expected);
    arena_free(arena);
}

static void test_left_alone(void **state) {
    (void)state;
    check("", "");
    check("a photo of a dog", "a photo of a dog");
    check("caf\u00E9 \u65E5\u672C \u041F\u0440\u0438\u0432\u0435\u0442",
          "caf\u00E9 \u65E5\u672C \u041F\u0440\u0438\u0432\u0435\u0442");
    check("\u2018\u00E9\u00A8\u65E5", "\u2018\u00E9\u00A8\u65E5"); /* bad, but nothing helps */
}

/* One text for each code page. */
static void test_pages(void **state) {
    (void)state;
    check("caf\u00C3\u00A9 \u00F0\302\237\302\230\302\200", "caf\u00E9 \U0001F600"); /* latin-1 */
    check("\u00E2\u20AC\u0153\u00C3\u00A9\u00E2\u20AC\302\235 \u00E2\u20AC\u00A6",
          "\u201C\u00E9\u201D \u2026"); /* windows-1252 */
    check("\u0432\u0402\302\230\u0413\u0458\u0432\u0402\u2122 \u0415\u201C",
          "\u2018\u00FC\u2019 \u0153"); /* windows-1251 */
    check("\u0139\u013Elu\u0139\u0104ou\u00C4\u0164k\u0102\u02DD "
          "\u00E2\u20AC\u015B\u0102\u013D\u00E2\u20AC\u0165",
          "\u017Elu\u0165ou\u010Dk\u00FD \u201C\u00FC\u201D"); /* windows-1250 */
    check("\u03B2\u20AC\302\230\u039F\302\210\u03B2\u20AC\u2122 \u0393\u038C",
          "\u2018\u03C8\u2019 \u00FC"); /* windows-1253 */
    check("\u00C4\u0178\u00C4\u00B1\u00C5\u0178 \u00E2\u20AC\u0153\u00C5\u0178\u00E2\u20AC\302\235",
          "\u011F\u0131\u015F \u201C\u015F\u201D"); /* windows-1254 */
    check("\u0101\u20AC\302\234\u00C4\u2014\u00C5\u00A1\u0101\u20AC\u00AF \u00C4\u00C6",
          "\u201C\u0117\u0161\u201D \u012F"); /* windows-1257 */
    check("\u0139\302\202\u0102\u0142d\u0139\u015F \u00E2\302\200\302\234\u0102\u017A\u00E2\302\200\302\235",
          "\u0142\u00F3d\u017A \u201C\u00FC\u201D");                                         /* iso-8859-2 */
    check("\u201A\u00C4\u00F2voil\u221A\u2020\u201A\u00C4\u00F4", "\u2018voil\u00E0\u2019"); /* macroman */
    check("\u0393\u00C7\u00A3na\u251C\u00BBve\u0393\u00C7\u00A5", "\u201Cna\u00EFve\u201D"); /* cp437 */
}

static void test_layers(void **state) {
    (void)state;
    check("caf\u00C3\u0192\u00C2\u00A9\u00C3\u00A2\u00E2\u201A\u00AC\u00E2\u201E\u00A2s", "caf\u00E9\u2019s");
    check("\u00C3\302\203\u00C2\u00A2\u00C3\u00A2\u00E2\302\200\302\232\u00C2\u00AC\u00C3\302\205\u00E2\302"
          "\200\302\234\u00C3\302\203\u00C6\302\222\u00C3\302\202\u00C2\u00A9\u00C3\302\203\u00C2\u00A2\u00C3"
          "\u00A2\u00E2\302\200\302\232\u00C2\u00AC\u00C3\302\202\u00C2\302\235",
          "\u201C\u00E9\u201D");
}

static void test_spaces(void **state) {
    (void)state;
    check("voil\u00C3  le travail", "voil\u00E0 le travail");
    check("\u00C3  la mode", "\u00E0 la mode");
    check("\u00C3 s \u00C3 quele", "\u00E0s \u00E0quele");
    check("\u221A\u00C9 \u201A\u00C4\u00EC \u201A\u00C4\u00EE", "\u00E0 \u2013 \u2014");
}

static void test_lossy(void **state) {
    (void)state;
    check("\u00E2\u20AC\u0153 like this \u00E2\u20AC\uFFFD", "\u201C like this \uFFFD");
    check("\u00E2\u20AC\uFFFD\032", "\u00E2\u20AC\uFFFD\032");
    check("\u00C3? \u00C3\u00A9", "\uFFFD \u00E9");
}

static void test_variants(void **state) {
    (void)state;
    check("\u00ED\u00A0\u00BD\u00ED\u00B8\302\200", "\U0001F600");
    check("a\u00C0\302\200\u00C3\u00A9", "a\000\u00E9");
}

/* What no code page explains as a whole is repaired in stretches. */
static void test_stretches(void **state) {
    (void)state;
    check("\u65E5\u672C \u00C3\u00A9 and \u00E2\u20AC\u0153\u00C3\u00BC\u00E2\u20AC\302\235 x",
          "\u65E5\u672C \u00E9 and \u201C\u00FC\u201D x");
    check("\u00B1\u00C3\u00A9\u65E5", "\u00B1\u00C3\u00A9\u65E5");
    check("\u65E5\u00E2\u20AC\u0153\u00C3\u00A9\u65E5", "\u65E5\u201C\u00E9\u65E5");
    check("\u010D\u00E2\u0161\u2122\u00E2\u20AC\u2122", "\u010D\u2699\u2019");
    check("\u65E5\302\200\u00E9\u00C3\u00A9", "\u65E5\u20AC\u00E9\u00E9");
}

static void test_c1(void **state) {
    (void)state;
    check("\302\223quoted\302\224 \302\205", "\u201Cquoted\u201D \u2026");
    check("\302\201 \302\215", "\302\201 \302\215");
    check("\u65E5\302\223\u672C\302\224", "\u65E5\u201C\u672C\u201D");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_left_alone), cmocka_unit_test(test_pages),
                                       cmocka_unit_test(test_layers),     cmocka_unit_test(test_spaces),
                                       cmocka_unit_test(test_lossy),      cmocka_unit_test(test_variants),
                                       cmocka_unit_test(test_stretches),  cmocka_unit_test(test_c1)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
