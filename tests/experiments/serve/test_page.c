/* test_page.c: the page is a file of its own, and its policy is for what stands in it. */
#include "experiments/serve/page.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int count(const char *part) {
    int n = 0;
    for (const char *at = PAGE; (at = strstr(at, part)); at++)
        n++;
    return n;
}

static void needs_nothing_else(void **state) {
    (void)state;
    assert_memory_equal(PAGE, "<!DOCTYPE html>\n", 16);
    assert_string_equal(strstr(PAGE, "</html>"), "</html>\n");
    assert_null(strstr(PAGE, "http"));
    assert_null(strstr(PAGE, "//"));
    assert_null(strstr(PAGE, "@import"));
    assert_null(strstr(PAGE, "innerHTML")); /* names out of files are texts */
    assert_null(strstr(PAGE, "style=\""));  /* the policy would not let it be */
    assert_int_equal(count("<script>"), 1);
    assert_int_equal(count("<style>"), 1);
    assert_int_equal(count("<script"), 1);
}

/* The browser says whether the digests are right: test_cli_serve_browser.c. */
static void has_a_policy(void **state) {
    (void)state;
    Arena *arena = arena_create();
    const char *policy = page_policy(arena, NULL);
    assert_non_null(policy);
    assert_non_null(strstr(policy, "default-src 'none'; style-src 'sha256-"));
    assert_null(strstr(policy, "unsafe"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(needs_nothing_else), cmocka_unit_test(has_a_policy)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
