/* test_point.c: experiments/grid/point.c: no key of optim is forgotten. Labels, keys and folders of whole
 * grids are tested in test_grid.c.
 */
#include "experiments/grid/point.h"

#include "experiments/config/config_keys.h"
#include "tests/support/experiment_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Another value than the one that is there. */
static void change(const KeySpec *key, OptimConfig *optim) {
    void *field = optim_field(key, optim);
    if (key->type == KEY_REAL)
        *(double *)field += 0.01;
    else if (key->type == KEY_BOOL)
        *(bool *)field = !*(bool *)field;
    else if (key->type == KEY_CHOICE)
        *(int *)field = !*(int *)field;
    else if (key->type == KEY_TEXT)
        *(const char **)field = "3";
    else
        ++*(int *)field;
}

static void test_optim(void **state) {
    Trial *trial = *state;
    const SectionSpec *section = section_find("optim");
    PointContext context;
    trial_read_ok(trial, LEAST "methods: [coop: {}]\n", NULL);
    assert_int_equal(point_context(&context, &trial->experiment, NULL, trial->arena, &trial->err), 0);
    Point point = {.optim = context.default_optim, .num_shots = 16, .views = context.default_views};
    point.optim.max_epoch = 200;
    assert_true(is_default_recipe(&point, &context));
    json_t *first = optim_json(&point.optim, trial->arena);
    const KeySpec *key;
    size_t n_told = 0;
    for (int i = 0; (key = section_key_at(section, i)); i++) {
        Point other = point;
        n_told += !(key->flags & KEY_LATER); /* the others would change the keys of earlier results */
        change(key, &other.optim);
        json_t *json = optim_json(&other.optim, trial->arena);
        if (json_equal(json, first) || is_default_recipe(&other, &context))
            fail_msg("optim.%s is forgotten", key->name);
        json_decref(json);
    }
    assert_int_equal(json_object_size(first), n_told);
    json_decref(first);
}

#define PHOTOS "model: {weights: m/RN50.pt}\ndataset: {format: folder, images: photos"

/* What earlier experiments say stays as it is: only photos that are turned have another key. */
static void test_exif(void **state) {
    Trial *trial = *state;
    Grid grid = trial_expand(trial, PHOTOS "}\nmethods: [zeroshot: ]\n");
    const char *key = arena_strdup(trial->arena, grid.points[0].key);
    assert_null(strstr(grid.points[0].config, "exif"));
    grid = trial_expand(trial, PHOTOS ", exif: ignore}\nmethods: [zeroshot: ]\n");
    assert_string_equal(grid.points[0].key, key);
    grid = trial_expand(trial, PHOTOS ", exif: rotate}\nmethods: [zeroshot: ]\n");
    assert_string_not_equal(grid.points[0].key, key);
    assert_non_null(strstr(grid.points[0].config, "\"exif\":\"rotate\""));
    trial_refuses(trial, PHOTOS ", exif: turn}\nmethods: [zeroshot: ]\n", NULL,
                  "line 2: dataset.exif: 'turn' is not one of ignore, rotate");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_optim, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_exif, trial_setup, trial_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
