/* test_printable.c: experiments/terminal/printable.c. */
#include "experiments/terminal/printable.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void test_printable(void **state) {
    (void)state;
    Arena *arena = arena_create();
    static const char *const cases[][2] = {
        {"", ""},
        {"a dog", "a dog"},
        {"Größe 画像", "Größe 画像"},
        {"\x1b[31mred", "\\x1B[31mred"},
        {"line\nline\t", "line\\x0Aline\\x09"},
        {"\x7f", "\\x7F"},
        {"\xc2\x9b"
         "5n",
         "\\xC2\\x9B"
         "5n"}, /* U+009B begins a sequence on some terminals */
        {"\xe9t\xc3\xa9", "\\xE9té"},
        {"cut \xe7\x94", "cut \\xE7\\x94"},
        {"\xed\xa0\x80", "\\xED\\xA0\\x80"},           /* a surrogate */
        {"a\u202egpj.exe", "a\\xE2\\x80\\xAEgpj.exe"}, /* reads as exe.jpg */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_string_equal(printable(cases[i][0], arena), cases[i][1]);
    const char *clean = "stays";
    assert_ptr_equal(printable(clean, arena), clean);
    arena_free(arena);
}

/* What is printed is one line, whatever it is made of. */
static void test_print_line(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = tmpfile();
    assert_non_null(out);
    print_line(out, "%s: %d %s", "a\nb", 7, "\x1b[2J\u00e9");
    size = (size_t)ftell(out);
    text = calloc(size + 1, 1);
    rewind(out);
    assert_int_equal(fread(text, 1, size, out), size);
    assert_string_equal(text, "a\\x0Ab: 7 \\x1B[2J\u00e9\n");
    free(text);
    fclose(out);
}

/* Of any length; tests/memory has what becomes of it without memory. */
static void test_long_lines(void **state) {
    (void)state;
    for (int n = 8190; n <= 8194; n++) {
        FILE *out = tmpfile();
        assert_non_null(out);
        char *text = calloc((size_t)n + 8, 1);
        print_line(out, "%0*d\x1b", n, 7);
        assert_int_equal(ftell(out), n + 5);
        rewind(out);
        assert_int_equal(fread(text, 1, (size_t)n + 5, out), n + 5);
        assert_string_equal(text + n - 2, "07\\x1B\n");
        free(text);
        fclose(out);
    }
}

/* A text of JSON stays the same to whoever parses it, and shows what a terminal would obey. */
static void test_print_json_line(void **state) {
    (void)state;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    assert_non_null(out);
    print_json_line(out, "{\"name\":\"caf\u00e9 \xc2\x9b"
                         "2J \u202e \x7f \\u001b\"}");
    fclose(out);
    assert_string_equal(text, "{\"name\":\"caf\u00e9 \\u009B2J \\u202E \\u007F \\u001b\"}\n");
    free(text);
}

static void test_grouped_number(void **state) {
    (void)state;
    static const double numbers[] = {0, 7, 999, 1000, 123456, 2539567104};
    static const char *const texts[] = {"0", "7", "999", "1,000", "123,456", "2,539,567,104"};
    char text[32];
    for (int i = 0; i < 6; i++) {
        grouped_number(numbers[i], text);
        assert_string_equal(text, texts[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_printable), cmocka_unit_test(test_print_line),
                                       cmocka_unit_test(test_long_lines),
                                       cmocka_unit_test(test_print_json_line),
                                       cmocka_unit_test(test_grouped_number)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
