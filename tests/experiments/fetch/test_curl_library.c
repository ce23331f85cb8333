/* libcurl as it is loaded. */
#include "experiments/fetch/http.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void test_open(void **state) {
    (void)state;
    Error err = {0};
    HttpClient *client = http_open(&err);
    if (http_available()) {
        assert_non_null(client);
    } else { /* and says what it lacks */
        assert_null(client);
        assert_non_null(strstr(err.text, "libcurl4-openssl-dev"));
    }
    http_close(client);
    http_close(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_open)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
