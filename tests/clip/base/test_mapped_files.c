/* test_mapped_files.c: addresses of maps, as they come and go. */
#include "clip/base/mapped_files.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void test_lines(void **state) {
    (void)state;
    static const char a[100], b[50];
    Error err = {0};
    assert_int_equal(mapped_files_add(a, sizeof a, "early", &err), 0);
    assert_null(mapped_files_line(a)); /* nobody has asked for it */
    mapped_files_remove(a);
    mapped_files_note();
    for (int round = 0; round < 3; round++) {
        assert_int_equal(mapped_files_add(a, sizeof a, "a\nb", &err), 0);
        assert_int_equal(mapped_files_add(b, sizeof b, "other", &err), 0);
        assert_string_equal(mapped_files_line(a), "a?b: was cut while being read\n");
        assert_string_equal(mapped_files_line(a + 99), "a?b: was cut while being read\n");
        assert_string_equal(mapped_files_line(b + 7), "other: was cut while being read\n");
        assert_null(mapped_files_line(&err));
        mapped_files_remove(a);
        assert_null(mapped_files_line(a));
        assert_non_null(mapped_files_line(b));
        mapped_files_remove(b);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_lines)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
