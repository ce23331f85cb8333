/* test_duration.c: experiments/terminal/duration.c: times as people say them. */
#include "experiments/terminal/duration.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_times(void **state) {
    (void)state;
    static const struct {
        double seconds;
        const char *text;
    } cases[] = {{0, "under 1 s"},
                 {0.4, "under 1 s"},
                 {0.6, "1 s"},
                 {99.4, "99 s"},
                 {100, "2 min"},
                 {3599, "60 min"},
                 {99 * 60, "99 min"},
                 {6000, "1 h 40 min"},
                 {47 * 3600.0, "47 h 0 min"},
                 {48 * 3600, "2 days"},
                 {1e300 * 1e300, "11574 days"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[32];
        duration_text(cases[i].seconds, text);
        assert_string_equal(text, cases[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_times)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
