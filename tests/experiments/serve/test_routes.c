/* test_routes.c: which paths there are. */
#include "experiments/serve/routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void paths(void **state) {
    (void)state;
    static const char *const none[] = {"",
                                       "//",
                                       "/x",
                                       "/api",
                                       "/api/",
                                       "/api/search/",
                                       "/api/search/1",
                                       "/api/photo",
                                       "/api/photo/",
                                       "/api/photo/1/",
                                       "/api/photo/a",
                                       "/API/about",
                                       "/api/about/",
                                       "/api/labels/1.0"};
    Route route;
    assert_true(route_find(&route, "/") && route.is_page && !route.posts);
    assert_true(route_find(&route, "/api/search") && route.posts && route.kind == ROUTE_MODEL);
    assert_true(route_find(&route, "/api/photo/12") && route.row == 12 && route.kind == ROUTE_PICTURES);
    assert_true(route_find(&route, "/api/thumbnail/0") && route.row == 0 && !route.posts);
    assert_true(route_find(&route, "/api/labels/3") && route.kind == ROUTE_MODEL);
    assert_true(route_find(&route, "/api/about") && route.kind == ROUTE_AT_ONCE);
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        if (route_find(&route, none[i]))
            fail_msg("%s", none[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(paths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
