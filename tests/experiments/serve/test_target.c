/* test_target.c: targets and their values, and those that are refused. */
#include "experiments/serve/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void values_are_decoded(void **state) {
    (void)state;
    Target target;
    Error err = {0};
    Arena *arena = arena_create();
    assert_int_equal(
        target_read(&target, "/api/search?q=a+dog&&not=p%C3%A9%2b%26&x&q=%f0%9f%98%80=1", arena, &err), 0);
    assert_string_equal(target.path, "/api/search");
    assert_int_equal(target.n, 4);
    assert_string_equal(target.words[0].value, "a dog");
    assert_string_equal(target.words[1].name, "not");
    assert_string_equal(target.words[1].value, "p\u00e9+&");
    assert_string_equal(target.words[2].name, "x");
    assert_string_equal(target.words[2].value, "");
    assert_string_equal(target.words[3].value, "\U0001F600=1");
    assert_int_equal(target_read(&target, "/a/%2e%2e/b", arena, &err), 0);
    assert_string_equal(target.path, "/a/%2e%2e/b"); /* as it was sent */
    assert_int_equal(target_read(&target, "/?", arena, &err), 0);
    assert_int_equal(target.n, 0);
    arena_free(arena);
}

static void others_are_refused(void **state) {
    (void)state;
    static const char *const bad[] = {"",        "*",          "http://x/",     "/?q=%",     "/?q=%4",
                                      "/?q=%zz", "/?q=%00",    "/?q=%0a",       "/?%7f=1",   "/?q=%ff",
                                      "/?q=%c3", "/?q=%c0%af", "/?q=%ed%a0%80", "/\xc3\xa9", "/a b"};
    Arena *arena = arena_create();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        Target target;
        Error err = {0};
        assert_int_equal(target_read(&target, bad[i], arena, &err), -1);
        assert_int_equal(err.kind, ERROR_INPUT);
        assert_true(strlen(err.text) > 0);
    }
    char many[256] = "/?";
    for (int i = 0; i <= TARGET_WORDS; i++)
        strcat(many, "q=1&");
    Target target;
    Error err = {0};
    assert_int_equal(target_read(&target, many, arena, &err), -1);
    arena_free(arena);
}

static void numbers(void **state) {
    (void)state;
    static const char *const bad[] = {
        "", "-1", "+1", " 1", "1 ", "0x1", "1.", "1e3", "11", "99999999999999999999", "18446744073709551617"};
    uint64_t n;
    assert_int_equal(target_number(&n, "10", 10), 0);
    assert_int_equal(n, 10);
    assert_int_equal(target_number(&n, "0", 10), 0);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(target_number(&n, bad[i], 10), -1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_are_decoded),
                                       cmocka_unit_test(others_are_refused), cmocka_unit_test(numbers)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
