/* test_answer.c: errors as JSON, values that are known, and numbers. */
#include "experiments/serve/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Request make(const char *target, Arena *arena) {
    Request request = {.arena = arena};
    Error err = {0};
    assert_int_equal(target_read(&request.target, target, arena, &err), 0);
    return request;
}

static void refusals(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Request request = make("/?a=1&b=2&a=3", arena);
    Error err = {0};
    assert_int_equal(answer_refuse(&request, 404, "no \"%s\"", "x\n"), -1);
    assert_int_equal(request.answer.status, 404);
    assert_string_equal(request.answer.body, "{\"error\":\"no \\\"x\\n\\\"\",\"status\":404}\n");
    answer_refuse(&request, 400, "a\xff.jpg");
    assert_string_equal(request.answer.body, "{\"error\":\"a?.jpg\",\"status\":400}\n");
    error_set(&err, "a.jpg: bad");
    answer_fail(&request, 415, &err);
    assert_int_equal(request.answer.status, 415);
    error_memory(&err);
    answer_fail(&request, 415, &err);
    assert_int_equal(request.answer.status, 503);
    assert_string_equal(request.answer.body, "{\"error\":\"out of memory\",\"status\":503}\n");
    arena_free(arena);
}

static void values(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Request request = make("/?a=1&b=2&a=3", arena);
    int n = 7;
    assert_string_equal(request_value(&request, "a"), "3");
    assert_null(request_value(&request, "c"));
    assert_int_equal(request_check_names(&request, " a b c "), 0);
    assert_int_equal(request_check_names(&request, " a bc "), -1);
    assert_int_equal(request.answer.status, 400);
    assert_int_equal(request_number(&request, &n, "c", 1, 5), 0);
    assert_int_equal(n, 7);
    assert_int_equal(request_number(&request, &n, "a", 1, 5), 0);
    assert_int_equal(n, 3);
    assert_int_equal(request_number(&request, &n, "a", 4, 5), -1);
    assert_int_equal(request_number(&request, &n, "a", 1, 2), -1);
    request = make("/?a%20b=1", arena);
    assert_int_equal(request_check_names(&request, " a b "), -1);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(refusals), cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
