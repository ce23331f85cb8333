/* Cleaning of a text, against what ftfy 6.3 and Python's html.unescape, str.strip, re.sub and str.lower
 * make of it. */
#include "clip/text/text_clean.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>
#include <zlib.h>

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

static void test_references_go_twice(void **state) {
    (void)state;
    check("&amp;&lt", "&<");
    check("<&amp;lt;", "<<"); /* ftfy leaves references beside a '<' alone */
    check("<&amp;amp;lt;", "<&lt;");
    check("<&#38;#38;#65;", "<&#65;");
    check("a&#28 b&#x85", "a b\u2026");
}

static void test_white_space(void **state) {
    (void)state;
    check("", "");
    check(" \t\n ", "");
    check("  a \t\r\n b\u00A0\u3000\u2028c\x0B\x0C ", "a b c");
    check("\x1C a\x1C b\x1F ", "a b");
    check("a\u200B b\u180E", "a\u200B b\u180E");
}

static void test_lower_case(void **state) {
    (void)state;
    check("\u00C0\u0130I\u1E9E\u1F88", "\u00E0i\u0307i\u00DF\u1F80");
    check("\u039F\u03A3 \u03A3 \u03B1\u03A3\u03B1", "\u03BF\u03C2 \u03C3 \u03B1\u03C3\u03B1");
    check("\u0391\u0301\u03A3. \u0391\u03A3'\u03B1 \u0391\u03A3'",
          "\u03AC\u03C2. \u03B1\u03C3'\u03B1 \u03B1\u03C2'");
    check("\u0301\u03A3", "\u0301\u03C3");
    check("\U00010400\U0001E900", "\U00010428\U0001E922");
}

/* Two thousand texts of all kinds: mojibake of every code page, references, escapes, scripts. */
static void test_fixture(void **state) {
    (void)state;
    static char json[1 << 20];
    gzFile file = gzopen("tests/fixtures/clean_texts.json.gz", "rb");
    assert_non_null(file);
    int size = gzread(file, json, sizeof json);
    assert_int_equal(gzclose(file), Z_OK);
    assert_in_range(size, 1, sizeof json - 1);
    json_t *cases = json_loadb(json, (size_t)size, 0, NULL), *pair;
    assert_int_equal(json_array_size(cases), 2000);
    size_t i;
    json_array_foreach(cases, i, pair) {
        check(json_string_value(json_array_get(pair, 0)), json_string_value(json_array_get(pair, 1)));
    }
    json_decref(cases);
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
        cmocka_unit_test(test_references_go_twice),
        cmocka_unit_test(test_white_space),
        cmocka_unit_test(test_lower_case),
        cmocka_unit_test(test_not_utf8),
        cmocka_unit_test(test_fixture),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
