/* Cleaning of a text, against what Python's html.unescape, str.strip, re.sub and str.lower make of it. */
#include "clip/text/text_clean.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

static void check(const char *text, const char *expected) {
    Arena *arena = arena_create();
    uint32_t *points;
    size_t count;
    Error err = {0};
    assert_int_equal(text_clean(text, arena, &points, &count, &err), 0);
    char bytes[1024] = "";
    size_t size = 0;
    for (size_t i = 0; i < count; i++)
        size += (size_t)u8_uctomb((uint8_t *)bytes + size, points[i], (ptrdiff_t)(sizeof bytes - size));
    assert_string_equal(bytes, expected);
    arena_free(arena);
}

static void test_named_references(void **state) {
    (void)state;
    check("&lt;&GT;&amp;", "<>&");
    check("&eacute;&eacute&Eacute", "\u00E9\u00E9\u00E9");
    check("&notit; &notin; &notinx", "\u00ACit; \u2209 \u00ACinx");
    check("&NotEqualTilde;", "\u2242\u0338");
    check("&CounterClockwiseContourIntegral;&CounterClockwiseContourIntegral",
          "\u2233&counterclockwisecontourintegral");
    check("& && &; &unknown; &Q; &a", "& && &; &unknown; &q; &a");
    check("&amp\u00E9;", "&\u00E9;");
    check("&", "&");
}

static void test_numeric_references(void **state) {
    (void)state;
    check("&#97;&#x62;&#X63&#100 e", "abcd e");
    check("&#128;&#x9f;", "\u20AC\u00FF");
    check("a&#0;&#xD800;&#xDFFF;&#1114112;&#99999999999999999999;", "a\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
    check("a&#1;b&#xB;c&#xFDD0;d&#x1FFFE;e&#127;f", "abcdef");
    check("a&#13;b&#12;c&#x110;", "a b c\u0111");
    check("&# &#; &#x; &#xg; &#a", "&# &#; &#x; &#xg; &#a");
}

static void test_references_go_twice(void **state) {
    (void)state;
    check("&amp;lt;", "<");
    check("&amp;amp;lt;", "&lt;");
    check("&#38;#38;#65;", "&#65;");
}

static void test_white_space(void **state) {
    (void)state;
    check("", "");
    check(" \t\n ", "");
    check("  a \t\r\n b\u00A0\u3000\u2028c\x0B\x0C\xC2\x85 ", "a b c");
    check("\x1C a\x1C b\x1F ", "a\x1C b"); /* stripped, but no white space to \s */
    check("a\u200B b\u180E", "a\u200B b\u180E");
}

static void test_lower_case(void **state) {
    (void)state;
    check("\u00C0\u0130I\u1E9E\u01C4\u1F88", "\u00E0i\u0307i\u00DF\u01C6\u1F80");
    check("\u039F\u03A3 \u03A3 \u03B1\u03A3\u03B1", "\u03BF\u03C2 \u03C3 \u03B1\u03C3\u03B1");
    check("\u0391\u0301\u03A3. \u0391\u03A3'\u03B1 \u0391\u03A3'",
          "\u03B1\u0301\u03C2. \u03B1\u03C3'\u03B1 \u03B1\u03C2'");
    check("\u0301\u03A3", "\u0301\u03C3");
    check("\U00010400\U0001E900", "\U00010428\U0001E922");
}

static void check_rejected(const char *text, const char *message) {
    Arena *arena = arena_create();
    uint32_t *points;
    size_t count;
    Error err = {0};
    assert_int_equal(text_clean(text, arena, &points, &count, &err), -1);
    assert_string_equal(err.text, message);
    arena_free(arena);
}

static void test_not_utf8(void **state) {
    (void)state;
    check_rejected("\xFF", "byte 1: the text is not UTF-8");
    check_rejected("ab\xC3", "byte 3: the text is not UTF-8");
    check_rejected("ab\xED\xA0\x80", "byte 3: the text is not UTF-8");    /* a surrogate */
    check_rejected("\xC0\x80", "byte 1: the text is not UTF-8");          /* overlong */
    check_rejected("a\xF4\x90\x80\x80", "byte 2: the text is not UTF-8"); /* past U+10FFFF */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_named_references),    cmocka_unit_test(test_numeric_references),
        cmocka_unit_test(test_references_go_twice), cmocka_unit_test(test_white_space),
        cmocka_unit_test(test_lower_case),          cmocka_unit_test(test_not_utf8),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
