/* test_vocabulary.c: clip/text/vocabulary.c */
#include "clip/text/vocabulary.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_letters(void **state) {
    (void)state;
    bool seen[512] = {false};
    for (int byte = 0; byte < 256; byte++) {
        uint32_t letter = vocabulary_letter(byte);
        assert_true(letter > ' ' && letter < 512 && !seen[letter]);
        seen[letter] = true;
        assert_int_equal(vocabulary_byte(letter), byte);
    }
    assert_int_equal(vocabulary_letter(' '), 0x120);
    assert_int_equal(vocabulary_letter('\n'), 0x10A);
    assert_int_equal(vocabulary_letter(0x7F), 0x121);
    assert_int_equal(vocabulary_letter(0xAD), 0x143);
    assert_int_equal(vocabulary_byte(' '), -1);
    assert_int_equal(vocabulary_byte(0xAD), -1);
    assert_int_equal(vocabulary_byte(0x144), -1);
    assert_int_equal(vocabulary_byte(0x1F600), -1);
}

static void test_symbols(void **state) {
    (void)state;
    const char *odd = "a character that stands for no byte";
    assert_null(vocabulary_check_symbol("dog</w>", 7));
    assert_null(vocabulary_check_symbol("\u0120dog", 5)); /* the space's letter */
    assert_string_equal(vocabulary_check_symbol("", 0), "an empty symbol");
    assert_string_equal(vocabulary_check_symbol("a b", 3), odd);
    assert_null(vocabulary_check_symbol("a b", 1));
    assert_string_equal(vocabulary_check_symbol("\u4e2d", 3), odd);
}

static void test_errors(void **state) {
    (void)state;
    Error err = {0};
    const Vocabulary lines = {.path = "F"}, json = {.path = "F", .json = true};
    assert_int_equal(vocabulary_error(&lines, 0, &err, "reason"), -1);
    assert_string_equal(err.text, "F: line 2: reason"); /* the header is line 1 */
    assert_int_equal(vocabulary_error(&json, 0, &err, "reason"), -1);
    assert_string_equal(err.text, "F: merge 1: reason");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_letters),
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
