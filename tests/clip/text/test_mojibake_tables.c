/* Classes and code pages of the repair of mojibake. */
#include "clip/text/mojibake_tables.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_classes(void **state) {
    (void)state;
    assert_int_equal(mojibake_classes('a'), 0);
    assert_int_equal(mojibake_classes(' '), CHAR_NEXT);
    assert_int_equal(mojibake_classes(0x80), CHAR_C1 | CHAR_NEXT | CHAR_NEXT_STRICT);
    assert_int_equal(mojibake_classes(0x9F), CHAR_C1 | CHAR_NEXT | CHAR_NEXT_STRICT);
    assert_int_equal(mojibake_classes(0xC3), CHAR_UPPER_ACCENTED | CHAR_LEAD_2);
    assert_int_equal(mojibake_classes(0x20AC), CHAR_CURRENCY | CHAR_NEXT | CHAR_NEXT_STRICT);
    assert_int_equal(mojibake_classes(0xFFFD), CHAR_BAD);
    assert_int_equal(mojibake_classes(0x1FFFD), 0);
}

/* No page has two bytes for one character, and each byte a page may lack is itself. */
static void test_pages(void **state) {
    (void)state;
    for (int page = 0; page < N_CODE_PAGES; page++) {
        const uint16_t *high = CODE_PAGES[page].high;
        for (int i = 0; i < 128; i++) {
            assert_true(high[i] >= 0x80 && high[i] != 0xFFFD);
            for (int j = 0; j < i; j++)
                assert_int_not_equal(high[i], high[j]);
        }
    }
    for (int i = 0; i < 128; i++)
        assert_int_equal(CODE_PAGES[0].high[i], 0x80 + i);
    assert_int_equal(WINDOWS_1252[0], 0x20AC);
    assert_int_equal(WINDOWS_1252[1], 0x81);
    assert_int_equal(CODE_PAGES[2].high[0xF0 - 0x80], 0x440); /* windows-1251 */
    assert_int_equal(CODE_PAGES[9].high[127], 0xA0);          /* cp437 */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_classes), cmocka_unit_test(test_pages)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
