/* test_host_name.c: which names a request may give the server. */
#include "experiments/serve/host_name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void names(void **state) {
    (void)state;
    static const char *const good[] = {"localhost", "LOCALHOST:8080", "127.0.0.1",  "127.0.0.1:1",
                                       "[::1]",     "[::1]:8080",     "box.lan:80", "192.168.1.2"};
    static const char *const bad[] = {
        "",      "evil.com",   "evil.com:8080",  "localhost.evil.com", "127.0.0.1.evil.com",
        "[::1",  "::1",        "[localhost]",    "localhost:x",        "localhost:80x",
        ":80",   "localhost ", "user@localhost", "2130706433",         "127.1",
        "[::1]x"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        if (!host_name_is_known(good[i], "box.lan"))
            fail_msg("%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (host_name_is_known(bad[i], "127.0.0.1"))
            fail_msg("%s", bad[i]);
}

static void loopback(void **state) {
    (void)state;
    assert_true(host_is_loopback("127.0.0.1") && host_is_loopback("127.8.9.1") && host_is_loopback("::1") &&
                host_is_loopback("localhost"));
    assert_false(host_is_loopback("0.0.0.0") || host_is_loopback("::") || host_is_loopback("box.lan") ||
                 host_is_loopback("10.0.0.1"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(names), cmocka_unit_test(loopback)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
