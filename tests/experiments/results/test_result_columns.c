/* test_result_columns.c: experiments/results/result_columns.c and result.c: a result as JSON and back. The
 * bytes of whole files are tested in test_results.c.
 */
#include "experiments/results/result_columns.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const Result example = {.key = KEY,
                               .dataset = "d",
                               .method = "m",
                               .label = "l",
                               .num_shots = 1,
                               .accuracy = NAN,
                               .finished = "now"};

static void test_settings(void **state) {
    (void)state;
    Result result = example;
    assert_null(result_setting(&result, "n_ctx"));
    result_set_int(&result, "n_ctx", 3);
    result_set_int(&result, "n_ctx", 4);
    result_set_bool(&result, "csc", true);
    result_set_real(&result, "C", NAN);
    assert_int_equal(result.n_settings, 3);
    json_t *json = result_json(&result);
    assert_int_equal(json_integer_value(json_object_get(json, "n_ctx")), 4);
    assert_true(json_is_true(json_object_get(json, "csc")));
    assert_true(json_is_null(json_object_get(json, "ctx_init")));
    assert_true(json_is_null(json_object_get(json, "C")));
    assert_true(json_is_null(json_object_get(json, "accuracy")));
    assert_true(json_is_null(json_object_get(json, "epochs")));
    json_decref(json);
    result.label = "\xff"; /* is no JSON */
    assert_null(result_json(&result));
}

static void test_back(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Result result = example, back;
    result.num_shots = -1; /* without training */
    result_set_text(&result, "ctx_init", "a photo");
    result_set_real(&result, "C", 2);
    json_t *json = result_json(&result);
    assert_int_equal(result_from_json(&back, json, arena), 0);
    assert_int_equal(back.num_shots, SHOTS_NONE);
    assert_true(isnan(back.accuracy) && !back.folder);
    assert_true(back.trained_parameters == 0);
    assert_int_equal(back.n_settings, 2);
    assert_string_equal(result_setting(&back, "ctx_init")->text, "a photo");
    assert_int_equal(result_setting(&back, "C")->kind, SETTING_REAL);
    json_object_set_new(json, "ctx_init", json_integer(5)); /* of the wrong type: as if it were not there */
    json_object_set_new(json, "n_ctx", json_string("16"));
    json_object_set_new(json, "C", json_integer(2));
    assert_int_equal(result_from_json(&back, json, arena), 0);
    assert_null(result_setting(&back, "ctx_init"));
    assert_null(result_setting(&back, "n_ctx"));
    assert_true(result_setting(&back, "C")->real == 2);
    json_object_set_new(json, "later", json_string("a key of another version"));
    assert_int_equal(result_from_json(&back, json, arena), 0);
    json_object_del(json, "trained_parameters"); /* as an earlier version wrote it */
    assert_int_equal(result_from_json(&back, json, arena), 0);
    assert_true(isnan(back.trained_parameters));
    json_decref(json);
    json = result_json(&back);
    assert_true(json_is_null(json_object_get(json, "trained_parameters")));
    json_object_del(json, "label");
    assert_int_equal(result_from_json(&back, json, arena), -1);
    json_decref(json);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_settings), cmocka_unit_test(test_back)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
