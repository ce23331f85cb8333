/* test_error.c: one clean line, whatever goes in. */
#include "clip/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_MAX (sizeof((Error *)0)->text - 1)

static void each_kind_is_set(void **state) {
    (void)state;
    Error err = {0};
    assert_int_equal(err.kind, ERROR_NONE);
    assert_int_equal(error_set(&err, "%s: line %d: %s", "a.yaml", 3, "unknown key"), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.text, "a.yaml: line 3: unknown key");
    assert_int_equal(error_usage(&err, "--top: not a number"), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_string_equal(err.text, "--top: not a number");
    assert_int_equal(error_run(&err, "step %d: the loss is NaN", 7), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "step 7: the loss is NaN");
    assert_int_equal(error_memory(&err), -1);
    assert_true(err.is_memory);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "out of memory");
}

static void null_is_fine(void **state) {
    (void)state;
    assert_int_equal(error_set(NULL, "x"), -1);
    assert_int_equal(error_usage(NULL, "x"), -1);
    assert_int_equal(error_run(NULL, "x"), -1);
    assert_int_equal(error_memory(NULL), -1);
    assert_int_equal(error_prefix(NULL, "x"), -1);
}

static void prefix_keeps_kind_and_text(void **state) {
    (void)state;
    Error err = {0};
    error_run(&err, "no space left");
    assert_int_equal(error_prefix(&err, "%s.%s", "prompt", "safetensors"), -1);
    assert_int_equal(error_prefix(&err, "seed %d", 1), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "seed 1: prompt.safetensors: no space left");
}

/* A caller may build an error out of the one that it has. */
static void arguments_may_come_from_the_error(void **state) {
    (void)state;
    Error err = {0};
    error_set(&err, "inner");
    error_usage(&err, "outer (%s)", err.text);
    assert_string_equal(err.text, "outer (inner)");
    error_prefix(&err, "%s", err.text);
    assert_string_equal(err.text, "outer (inner): outer (inner)");
}

static void text_is_cleaned(void **state) {
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"a\nb\tc\r\x1b[2Jd\x7f", "a?b?c??[2Jd?"},
        {"a\u202egpj\u2028", "a?gpj?"},
        {"r\xC3\xA9sum\xC3\xA9 \xE7\x8C\xAB \xF0\x9F\x90\xB1",
         "r\xC3\xA9sum\xC3\xA9 \xE7\x8C\xAB \xF0\x9F\x90\xB1"},
        {"\xC2\x9B"
         "2J \xC2\xA0",
         "?2J \xC2\xA0"}, /* C1; the no-break space after it is a letter like others */
        {"\xFF\xFE|\x80|\xC3|\xE7\x8C|", "??|?|?|??|"},
        {"\xC0\xAF|\xE0\x80\x80|\xF0\x80\x80\x80", "??|???|????"}, /* overlong */
        {"\xED\xA0\x80|\xF4\x90\x80\x80|\xF5", "???|????|?"},      /* a surrogate; beyond U+10FFFF */
        {"\xED\x9F\xBF|\xEE\x80\x80|\xF4\x8F\xBF\xBF", "\xED\x9F\xBF|\xEE\x80\x80|\xF4\x8F\xBF\xBF"},
        {"ends in \xF0\x9F\x90", "ends in ???"},
        {"", ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Error err = {0};
        error_set(&err, "%s", cases[i].in);
        assert_string_equal(err.text, cases[i].out);
        error_prefix(&err, "p\n");
        assert_memory_equal(err.text, "p?: ", 4);
        assert_string_equal(err.text + 4, cases[i].out);
    }
}

/* Whatever the offset, the cut falls between characters, and as late as it can. */
static void long_text_is_cut_between_characters(void **state) {
    (void)state;
    static const char *const letters[] = {"x", "\xC3\xA9", "\xE7\x8C\xAB", "\xF0\x9F\x90\xB1"};
    for (size_t width = 1; width <= 4; width++) {
        for (size_t offset = 0; offset < 4; offset++) {
            char text[4096] = {0};
            memset(text, 'a', offset);
            for (size_t i = offset; i + width < sizeof text; i += width)
                memcpy(text + i, letters[width - 1], width);
            Error err = {0};
            error_set(&err, "%s", text);
            size_t expected = TEXT_MAX - (TEXT_MAX - offset) % width;
            assert_int_equal(strlen(err.text), expected);
            assert_memory_equal(err.text, text, expected);
            error_prefix(&err, "%.4000s", text);
            assert_int_equal(strlen(err.text), expected);
            assert_memory_equal(err.text, text, expected);
        }
    }
}

/* Cleaning makes such a text shorter; the rest must move up. */
static void long_text_of_controls_fills_the_line(void **state) {
    (void)state;
    char text[8192] = {0};
    for (size_t i = 0; i + 2 < sizeof text; i += 2)
        memcpy(text + i, "\xC2\x85", 2);
    Error err = {0};
    error_set(&err, "%s", text);
    assert_int_equal(strspn(err.text, "?"), TEXT_MAX);
    error_prefix(&err, "%s", text);
    assert_int_equal(strspn(err.text, "?"), TEXT_MAX);
}

static void memory_is_never_the_file_s_fault(void **state) {
    (void)state;
    Error err = {0};
    assert_int_equal(error_errno(&err, ERROR_INPUT, ENOENT, "%s: cannot open", "a.txt"), -1);
    assert_int_equal(err.kind, ERROR_INPUT);
    assert_string_equal(err.text, "a.txt: cannot open: No such file or directory");
    error_errno(&err, ERROR_RUN, ENOSPC, "a.txt: cannot write");
    assert_false(err.is_memory);
    error_errno(&err, ERROR_INPUT, ENOMEM, "a.txt: cannot map");
    assert_true(err.is_memory);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "a.txt: cannot map: out of memory");
    error_prefix(&err, "b.yaml");
    assert_true(err.is_memory);
    assert_int_equal(error_errno(NULL, ERROR_INPUT, ENOMEM, "a.txt"), -1);
    static const int lacks[] = {EMFILE, ENFILE};
    for (int i = 0; i < 2; i++) {
        error_errno(&err, ERROR_INPUT, lacks[i], "a.txt: cannot open");
        assert_true(err.kind == ERROR_RUN && !err.is_memory);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_kind_is_set),
        cmocka_unit_test(null_is_fine),
        cmocka_unit_test(prefix_keeps_kind_and_text),
        cmocka_unit_test(arguments_may_come_from_the_error),
        cmocka_unit_test(memory_is_never_the_file_s_fault),
        cmocka_unit_test(text_is_cleaned),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(long_text_of_controls_fills_the_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
