/* What looks like mojibake, against ftfy 6.3's is_bad. */
#include "clip/text/badness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

static bool is_bad(const char *text) {
    uint32_t points[256];
    size_t count = 256;
    assert_ptr_equal(u8_to_u32((const uint8_t *)text, strlen(text), points, &count), points);
    return badness_found(points, count);
}

/* Two for each kind of sequence, which no other kind finds. */
/* clang-format off */
static const char *const BAD[] = {
    "\302\215", "\302\217", "\u2264\u2021", "\u00E3\u00A4", "b\u0420\uFFFD", "a\u0420\u00A4",
    "\u00AF\u0102", "\u2310\u201A", "\u0101\u00D1", "\u0165\u00C4", "\u2202\u00EF", "\u2122\u00FC",
    "\u00E6\u20AC", "\u0113\u20AC", " \u00CF\u00A2", " \u00CF\u20AC", "\u251C\u2261", "\u0179\u2264",
    "\u0137\u201A\u2248", "\u2122\u2018\u00B3", "\u0117\u203A\u2018", "\u0101\u203A\uF8FF", "\u2264\u2039",
    "\u221A\u201A", "b\u013D\u0384", "a\u010E\u20AC", "\u2568\u00F6", "\u2550\u00DA", "\u00C5\u2559",
    "\u0155\u255D", "\u2557\u00BB", "\u2555\u02DD", "\u0139\u201D\u0412", "\u00C7\uF8FF\u00E1",
    "\u0153\u044F", "\u0152\u0404", "\u011A\u00B0", "\u00C9\u00B0", "\u00C2\u201D", "\u00C3\u0161",
    "\u00D7\u00B2", "\u00D9\u20A7\u00D9\u00A2", "\u00D9\u2248\u00D9\u00B1", "\u00E0\u00B9", "\u00E0\u00B2",
    "\u221A\u00F8", "\u221A\u00AE", "\u2248\u00B0", "\u2248\u00A2", "\u201A\u00C4\u00EC",
    "\u201A\u00F3\u00EA", "\u0432\u0402", "\u0413\u20AC\u0412", "\u0413\u2022\u0413",
    "\u0413\u045E\u0412\u0402\u0412\u0402b", "\u0413\u045E\u0412\u0402\u0412\u0453Z", "\u00C3\u00A0",
    "b\n\u00C3 ", "b\t\u00C2 ", "\u00C3 ", "!\u00C2 ", ".\u00C2 ", "\u03B2\u20AC\u00AE",
    "\u03B2\u20AC\u00A0", "\u039F\u02DD\u0392", "\u0392\u201A\u039E", "\u0101\u20AC",
};

/* The same with one character changed, and sentences of many languages. */
static const char *const GOOD[] = {
    "\u00B3Z\u2588", "\u00D8A\u00D8\u00A2", "Z,\u0413\u00A8", "\u203A\u0412\u0101", "\u00C3\u041E\u00A1",
    "!\u00B2", "  ", "\u221A\u0412", "\u201A\u03A1\u00C4\u00F9", "\u00F2\u2039", "\u0412\u03A2\u2022\u0413",
    "\u221A,\u00C5", "\u00B0\u203A", "\u0412\u2020", "\u201A\u00F3\u03B3\u00EA", "\u2510\u0432\u00FA",
    "\u00D8\u00B4\u00D9\u0453", "\u00C2z\u00AA", "\u201A\u20AC\u00AE", "\u00E0\u201A", "\u201A\u00C4\u043A",
    "b\u0426\u0385", "z\n\u012B ", "\u0432\u20AC", "\u0101\u00B0", "\u012B.", "z\u00C3\u00C2 ",
    "\u2518\u044C", "\u02C7\u2026\u2591", "\u0402 ", "\u00E0?", "\u00D7\u00DE\u00B3", "\u0432Z", "z\u014C",
    "\u00D7\u03B5", "\u00C2b", "\u0178\u03AA\u00B0", "A\u2248\u045E\u02C6",
    "\u0413\u045E\u0412\u0402\u0412\u040C\u0152z", "Z", "\u201C", "\t\u00BE", "\u0110\u00A9\n\u221A",
    "A\u00D9\u03C4\u00BA", "", "a photo of a dog", "caf\u00E9 \u00C5ngstr\u00F6m", "10 \u20AC, 5 \u00A3",
    "\u00BFqu\u00E9? \u00A1s\u00ED!", "\u65E5\u672C\u8A9E",
    "\u0421\u044A\u0435\u0448\u044C \u0435\u0449\u0451", "b. \u00C3 c",
};
/* clang-format on */

static void test_bad(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        if (!is_bad(BAD[i]))
            print_error("not bad: %s\n", BAD[i]);
        assert_true(is_bad(BAD[i]));
    }
}

static void test_good(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof GOOD / sizeof GOOD[0]; i++) {
        if (is_bad(GOOD[i]))
            print_error("bad: %s\n", GOOD[i]);
        assert_false(is_bad(GOOD[i]));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_bad), cmocka_unit_test(test_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
