/* test_microhttpd.c: libmicrohttpd as it is loaded. */
#include "experiments/serve/server.h"

#ifdef HAVE_MICROHTTPD
#include "experiments/serve/microhttpd.h"
#endif

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void loads(void **state) {
    (void)state;
    Error err = {0};
#ifdef HAVE_MICROHTTPD
    Microhttpd mhd;
    assert_true(server_available());
    assert_int_equal(microhttpd_load(&mhd, &err), 0);
    assert_non_null(mhd.start_daemon);
    assert_non_null(mhd.destroy_response);
    microhttpd_unload(&mhd);
    assert_null(mhd.library);
    microhttpd_unload(&mhd);
#else
    assert_false(server_available());
    assert_int_equal(server_run(NULL, "127.0.0.1", 0, &err), -1);
    assert_non_null(strstr(err.text, "libmicrohttpd-dev"));
#endif
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(loads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
