/* Character references, against what Python's html.unescape and ftfy 6.3's unescape_html make of them. */
#include "clip/text/html_unescape.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

typedef size_t Unescape(uint32_t *text, size_t count);

static void check(Unescape *unescape, const char *text, const char *expected) {
    uint32_t points[256];
    char bytes[1024] = "";
    size_t count = 256, size = sizeof bytes - 1;
    assert_ptr_equal(u8_to_u32((const uint8_t *)text, strlen(text), points, &count), points);
    count = unescape(points, count);
    assert_ptr_equal(u32_to_u8(points, count, (uint8_t *)bytes, &size), bytes);
    bytes[size] = '\0';
    assert_string_equal(bytes, expected);
}

static void test_names(void **state) {
    (void)state;
    check(html_unescape, "&lt;&GT;&amp;", "<>&");
    check(html_unescape, "&eacute;&eacute&Eacute", "\u00E9\u00E9\u00C9");
    check(html_unescape, "&notit; &notin; &notinx", "\u00ACit; \u2209 \u00ACinx");
    check(html_unescape, "&NotEqualTilde;", "\u2242\u0338");
    check(html_unescape, "&CounterClockwiseContourIntegral;&CounterClockwiseContourIntegral",
          "\u2233&CounterClockwiseContourIntegral");
    check(html_unescape, "& && &; &unknown; &Q; &a", "& && &; &unknown; &Q; &a");
    check(html_unescape, "&amp\u00E9;&EACUTE;", "&\u00E9;&EACUTE;");
    check(html_unescape, "&", "&");
}

static void test_numbers(void **state) {
    (void)state;
    check(html_unescape, "&#97;&#x62;&#X63&#100 e", "abcd e");
    check(html_unescape, "&#128;&#x9f;", "\u20AC\u0178");
    check(html_unescape, "&#0;&#xD800;&#xDFFF;&#1114112;&#99999999999999999999;",
          "\uFFFD\uFFFD\uFFFD\uFFFD\uFFFD");
    check(html_unescape, "a&#1;b&#xB;c&#xFDD0;d&#x1FFFE;e&#127;f", "abcdef");
    check(html_unescape, "a&#13;b&#12;c&#x110;", "a\rb\fc\u0110");
    check(html_unescape, "&# &#; &#x; &#xg; &#a", "&# &#; &#x; &#xg; &#a");
}

static void test_closed(void **state) {
    (void)state;
    check(html_unescape_closed, "&lt;&GT;&amp;&amp &notit; &eacute", "<>&&amp &notit; &eacute");
    check(html_unescape_closed, "&#97;&#x62;&#X63 &#1;&#128;&#0;", "ab&#X63 \u20AC\uFFFD");
    check(html_unescape_closed, "&#59; &#x3B; &semi;", "&#59; &#x3B; ;");
    check(html_unescape_closed, "&#65x; &#; &; &#xg; &&lt;", "&#65x; &#; &; &#xg; &<");
    check(html_unescape_closed, "&#0000000000000000000000065;&#000000000000000000000065;",
          "&#0000000000000000000000065;A"); /* 25 digits and 24 */
    check(html_unescape_closed, "&CounterClockwiseContourIntegral;", "&CounterClockwiseContourIntegral;");
}

static void test_closed_capitals(void **state) {
    (void)state;
    check(html_unescape_closed, "P&EACUTE;REZ &NTILDE; &nTILDE;", "P\u00C9REZ \u00D1 &nTILDE;");
    check(html_unescape_closed, "&SZLIG;&FFLLIG;&FRAC12;&NAPOS;", "SSFFL\u00BD\u02BCN");
    check(html_unescape_closed, "&GTDOT; &LTIMES; &UNKNOWN; &EACUTE", "&GTDOT; &LTIMES; &UNKNOWN; &EACUTE");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_names), cmocka_unit_test(test_numbers),
                                       cmocka_unit_test(test_closed), cmocka_unit_test(test_closed_capitals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
