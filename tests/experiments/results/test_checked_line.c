/* test_checked_line.c: every flipped bit of a line shows; a line without a check is not taken for a damaged
 * one. */
#include "experiments/results/checked_line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_line(void **state) {
    (void)state;
    const char *object = "{\"epoch\": 1, \"loss\": 0.75}";
    char tail[LINE_TAIL], line[100];
    snprintf(line, sizeof line, "%.*s%s", (int)strlen(object) - 1, object, line_tail(tail, object));
    assert_string_equal(line, "{\"epoch\": 1, \"loss\": 0.75, \"check\": \"061d349f\"}");
    const size_t size = strlen(line);
    assert_int_equal(line_state(line, size), LINE_GOOD);
    for (size_t i = 0; i < size; i++)
        for (int bit = 0; bit < 8; bit++) {
            line[i] = (char)(line[i] ^ 1 << bit);
            assert_int_equal(line_state(line, size), LINE_DAMAGED);
            line[i] = (char)(line[i] ^ 1 << bit);
        }
}

static void test_unchecked(void **state) {
    (void)state;
    static const char *const lines[] = {"", "{}", "{\"epoch\": 1}", "{\"checks\": {\"check\": \"00000000\"}}",
                                        ", \"check\": \"00000000\"}"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_int_equal(line_state(lines[i], strlen(lines[i])), LINE_UNCHECKED);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_line), cmocka_unit_test(test_unchecked)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
