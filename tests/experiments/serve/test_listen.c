/* test_listen.c: free ports, taken ones, and hosts that there are not. */
#include "experiments/serve/listen.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void ports(void **state) {
    (void)state;
    char url[256], again[256];
    Error err = {0};
    const int fd = listen_at("127.0.0.1", 0, url, sizeof url, &err);
    assert_true(fd >= 0);
    assert_memory_equal(url, "http://127.0.0.1:", 17);
    const int port = atoi(url + 17);
    assert_true(port > 0);
    assert_int_equal(listen_at("127.0.0.1", port, again, sizeof again, &err), -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_non_null(strstr(err.text, "in use"));
    close(fd);
}

static void hosts(void **state) {
    (void)state;
    char url[256];
    Error err = {0};
    assert_int_equal(listen_at("999.1.1.1.invalid", 0, url, sizeof url, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_non_null(strstr(err.text, "--host 999.1.1.1.invalid: "));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ports), cmocka_unit_test(hosts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
