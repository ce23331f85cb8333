/* test_html.c: experiments/report/html.c: no text becomes markup; the checker that the report's test relies
 * on. */
#include "experiments/report/html.h"
#include "tests/support/html_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* What a page would hold. */
static void assert_written(void (*write)(Html *, const char *), const char *text, const char *expected) {
    Html html = {.arena = arena_create()};
    write(&html, text);
    assert_false(html.failed);
    assert_string_equal(buffer_text(&html.out), expected);
    buffer_free(&html.out);
    arena_free(html.arena);
}

static void test_escaping(void **state) {
    (void)state;
    assert_written(html_text, "plain é 犬", "plain é 犬");
    assert_written(html_text, "</td><script>alert('1' & \"2\")</script>",
                   "&lt;/td&gt;&lt;script&gt;alert(&#39;1&#39; &amp; &quot;2&quot;)&lt;/script&gt;");
    assert_written(html_text, "&amp;", "&amp;amp;");
    assert_written(html_text, "a\nb\x1b[1m\xff<", "a\\x0Ab\\x1B[1m\\xFF&lt;");
    assert_written(html_text, "", "");
    assert_written(html_class, "golden_<retriever>", "golden &lt;retriever&gt;");
}

static void write_uri(Html *html, const char *text) {
    html_data_uri(html, "image/jpeg", (const unsigned char *)text, strlen(text));
}

static void test_data_uri(void **state) {
    (void)state;
    assert_written(write_uri, "", "data:image/jpeg;base64,");
    assert_written(write_uri, "f", "data:image/jpeg;base64,Zg==");
    assert_written(write_uri, "fo", "data:image/jpeg;base64,Zm8=");
    assert_written(write_uri, "foobar", "data:image/jpeg;base64,Zm9vYmFy");
    char zeros[3 * 1000 + 2], expected[23 + 4 * 1001 + 1] = "data:image/jpeg;base64,";
    memset(zeros, 'U', sizeof zeros - 1); /* "UUU" is "VVVV": over several chunks */
    zeros[sizeof zeros - 1] = '\0';
    memset(expected + 23, 'V', 4000);
    strcpy(expected + 23 + 4000, "VQ==");
    assert_written(write_uri, zeros, expected);
}

static void test_checker(void **state) {
    (void)state;
    char why[200];
    static const char *const good[] = {"", "<p>x</p>", "<p a=\"1\" b='&lt;'>&amp;<br/></p>\n",
                                       "<a><b></b></a>"};
    static const char *const bad[] = {"x",
                                      "<p>",
                                      "</p>",
                                      "<a><b></a></b>",
                                      "<p>a & b</p>",
                                      "<p>&nbsp;</p>",
                                      "<p>></p>",
                                      "<p a=1></p>",
                                      "<p a></p>",
                                      "<p a=\"<\"></p>",
                                      "<p a=\"1\" a=\"2\"></p>",
                                      "<p a=\"1\"b=\"2\"></p>",
                                      "<p a=\"1></p>",
                                      "<p>\x01</p>",
                                      "<p>\xff</p>",
                                      "<!-- x -->",
                                      "<p"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char page[200];
        snprintf(page, sizeof page, "<!DOCTYPE html>\n%s", good[i]);
        assert_null(html_fault(page, why, sizeof why));
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char page[200];
        snprintf(page, sizeof page, "<!DOCTYPE html>\n%s", bad[i]);
        if (!html_fault(page, why, sizeof why))
            fail_msg("taken for well-formed: %s", bad[i]);
    }
    assert_non_null(html_fault("<p></p>", why, sizeof why));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_escaping), cmocka_unit_test(test_data_uri),
                                       cmocka_unit_test(test_checker)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
