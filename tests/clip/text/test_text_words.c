/* Words of a text, against what the `regex` module finds with CLIP's pattern. */
#include "clip/text/text_words.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#include <cmocka.h>

/* expected: the words, each followed by '/'. */
static void check(const char *text, const char *expected) {
    uint32_t points[256];
    char found[1024] = "";
    size_t count = 256, size = 0, length;
    assert_non_null(u8_to_u32((const uint8_t *)text, strlen(text), points, &count));
    for (size_t at = 0; (length = text_word(points, count, &at)) > 0; at += length) {
        for (size_t i = 0; i < length; i++) {
            size +=
                (size_t)u8_uctomb((uint8_t *)found + size, points[at + i], (ptrdiff_t)(sizeof found - size));
        }
        found[size++] = '/';
    }
    found[size] = '\0';
    assert_string_equal(found, expected);
}

static void test_kinds(void **state) {
    (void)state;
    check("", "");
    check("  \t", "");
    check("a photo, of 12 cats.", "a/photo/,/of/1/2/cats/./");
    check("ab12!?cd", "ab/1/2/!?/cd/");
    check("\u00E9t\u00E9 \u0661\u00BD\u2167 e\u0301", "\u00E9t\u00E9/\u0661/\u00BD/\u2167/e/\u0301/");
    check("a\u00A0b\u200Bc", "a/b/\u200B/c/");
}

static void test_contractions(void **state) {
    (void)state;
    check("it's i'll we've you're i'd i'm can't", "it/'s/i/'ll/we/'ve/you/'re/i/'d/i/'m/can/'t/");
    check("rock'n'roll 'tis", "rock/'/n/'/roll/'t/is/");
    check("!'s ''s", "!'/s/''/s/"); /* a run of signs takes the apostrophe */
    check("'\u017F", "'\u017F/");   /* the long s */
}

static void test_special_tokens(void **state) {
    (void)state;
    check("a<|startoftext|>b", "a/<|startoftext|>/b/");
    check("<|endoftext|><|endoftext|>!", "<|endoftext|>/<|endoftext|>/!/");
    check("<|\u017Ftartoftext|>", "<|\u017Ftartoftext|>/");
    check("!<|endoftext|>", "!<|/endoftext/|>/");
    check("<|endoftext|", "<|/endoftext/|/");
}

static void test_iota_below(void **state) {
    (void)state;
    check("\u03B1\u0345\u03B1", "\u03B1/\u03B1/");
    check("!\u0345!\u0345", "!/!/");
    check("\u0345", "");
}

static void test_after_unicode_14(void **state) {
    (void)state;
    check("a\U00031350b!\U0001E030", "a\U00031350b/!/\U0001E030/");
    check("a\U0001E4F0\U0001E4F1", "a/\U0001E4F0/\U0001E4F1/");
    check("a\U000323B0\U0010FFFD", "a\U000323B0/\U0010FFFD/");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_contractions),
        cmocka_unit_test(test_special_tokens),
        cmocka_unit_test(test_iota_below),
        cmocka_unit_test(test_after_unicode_14),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
