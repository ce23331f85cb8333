/* test_aro.c: the relations that ARO's evaluation leaves out, from the first of the table to its last. */
#include "datasets/captions/aro.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void symmetric_relations_are_known(void **state) {
    (void)state;
    static const char *const symmetric[] = {"adjusting", "around",     "by",
                                            "next to",   "of",         "on the other side of",
                                            "with",      "working on", "wrapped in"};
    static const char *const others[] = {"",   "a",       "on",   "under",  "holding",
                                         "in", "zooming", "next", "wrapped"};
    for (size_t i = 0; i < sizeof symmetric / sizeof *symmetric; i++)
        assert_true(aro_is_symmetric(symmetric[i]));
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_false(aro_is_symmetric(others[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(symmetric_relations_are_known)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
