/* The fixing of a text, against what ftfy 6.3's fix_text makes of it. */
#include "clip/text/fix_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

static void check(const char *text, const char *expected) {
    Arena *arena = arena_create();
    size_t count, size = 1023;
    char bytes[1024] = "";
    Error err = {0};
    uint32_t *points = ARENA_NEW(arena, uint32_t, count = strlen(text) + 1);
    assert_ptr_equal(u8_to_u32((const uint8_t *)text, strlen(text), points, &count), points);
    assert_int_equal(fix_text(&points, &count, arena, &err), 0);
    assert_ptr_equal(u32_to_u8(points, count, (uint8_t *)bytes, &size), bytes);
    bytes[size] = '\0';
    assert_string_equal(bytes, expected);
    arena_free(arena);
}

static void test_plain(void **state) {
    (void)state;
    check("a photo of a <dog>,\tin\nlines\f", "a photo of a <dog>,\tin\nlines\f");
    check("caf\u00E9 \u65E5\u672C", "caf\u00E9 \u65E5\u672C");
}

static void test_references(void **state) {
    (void)state;
    check("&amp;amp;lt;b&eacute;", "<b\u00E9"); /* again until nothing changes */
    check("<&eacute;", "<&eacute;");
    check("&eacute;\n&lt;&eacute;\n<\n&eacute;", "\u00E9\n<\u00E9\n<\n&eacute;"); /* from the first '<' on */
}

static void test_quotes(void **state) {
    (void)state;
    check("\u201Ca\u201D \u2018b\u2019 \u201Ec\u201F \u201Ad\u201B \u02BCe", "\"a\" 'b' \"c\" 'd' 'e");
    check("\u2039a\u203A \u00ABb\u00BB \u2032", "\u2039a\u203A \u00ABb\u00BB \u2032");
}

static void test_ligatures(void **state) {
    (void)state;
    check("\uFB00\uFB01\uFB02\uFB03\uFB04\uFB05\uFB06", "fffiflffiffl\u017Ftst");
    check("\u0132\u0133\u0149\u01C4\u01C8\u01CC\u01F1 \u00E6\u0153", "IJij'nD\u017DLjnjDZ \u00E6\u0153");
}

static void test_width(void **state) {
    (void)state;
    check("\uFF2C\uFF2F\uFF35\uFF24\u3000\uFF01\uFF07", "LOUD !'");
    check("\uFF76\uFF9E\uFF8A\uFF9F\uFFE3\uFFE6", "\u30AC\u30D1 \u0304\u20A9");
}

static void test_line_breaks(void **state) {
    (void)state;
    check("a\r\nb\rc\u2028d\u2029e\r\r\n", "a\nb\nc\nd\ne\n\n");
}

static void test_invisible(void **state) {
    (void)state;
    check("\x1B[36;44mblue\x1B[0m \x1B[\u0663m\x1B[m", "blue ");
    check("\x1B\x1B[0m[0m \x1B[1 \x1B[0\x01m", "[0m [1 [0m");
    check("\x1B\uFF3B1m.", ".");
    check("a\x01\x0B\x7F\u206A\uFEFF\uFFF9\uFFFC"
          "b\u200D\u200F",
          "ab\u200D\u200F");
}

static void test_composed(void **state) {
    (void)state;
    check("e\u0301 \u1E69\u0323 \u1100\u1161 \u212B \uFB2C",
          "\u00E9 \u1E69\u0323 \uAC00 \u00C5 \u05E9\u05BC\u05C1");
}

/* A line of more than a million code points is divided there. */
static void test_segments(void **state) {
    (void)state;
    Arena *arena = arena_create();
    size_t count = 1000001;
    uint32_t *points = ARENA_NEW(arena, uint32_t, count);
    for (size_t i = 0; i < count; i++)
        points[i] = 'x';
    points[999999] = 'e';
    points[1000000] = 0x301;
    assert_int_equal(fix_text(&points, &count, arena, NULL), 0);
    assert_int_equal(count, 1000001);
    points[999998] = '\n';
    assert_int_equal(fix_text(&points, &count, arena, NULL), 0);
    assert_int_equal(count, 1000000);
    assert_int_equal(points[999999], 0xE9);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),     cmocka_unit_test(test_references),
        cmocka_unit_test(test_quotes),    cmocka_unit_test(test_ligatures),
        cmocka_unit_test(test_width),     cmocka_unit_test(test_line_breaks),
        cmocka_unit_test(test_invisible), cmocka_unit_test(test_composed),
        cmocka_unit_test(test_segments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
