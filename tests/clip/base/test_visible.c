/* test_visible.c: clip/base/visible.c. */
#include "clip/base/visible.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_visible(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int n;
    } cases[] = {{"a", 1},           {"\u00e9", 2},   {"\u753b", 3}, {"\U0001f600", 4},
                 {" ", 1},           {"", 0},         {"\n", 0},     {"\x1b", 0},
                 {"\x7f", 0},        {"\xc2\x9b", 0}, /* U+009B begins a sequence on some terminals */
                 {"\u2028", 0},      {"\u2029", 0},   {"\ufeff", 0}, {"\u061c", 0},
                 {"\u200e", 0},      {"\u200f", 0},   {"\u202a", 0}, {"\u202e", 0},
                 {"\u2066", 0},      {"\u2069", 0},   {"\u200d", 3}, /* joins emoji */
                 {"\u2030", 3},      {"\u2065", 3},   {"\xe9t", 0},  {"\xe7\x94", 0},
                 {"\xed\xa0\x80", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(visible_bytes(cases[i].text), cases[i].n);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_visible)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
