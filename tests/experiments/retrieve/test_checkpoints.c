/* test_checkpoints.c: each is opened in turn, and those of one name are told apart by their files. */
#include "experiments/retrieve/checkpoints.h"

#include "tests/experiments/retrieve/demo_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    int seen[3], n, fail_at;
} Uses;

static int use(void *context, LoadedModel *model, int index, Error *err) {
    Uses *uses = context;
    assert_true(model->clip && model->tokenizer);
    uses->seen[uses->n++] = index;
    return index == uses->fail_at ? error_set(err, "enough") : 0;
}

static void each_has_a_name_of_its_own(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Error err = {0};
    const char *files[] = {DEMO_WEIGHTS, "experiments/demo/../demo/clip_demo.safetensors"}, *names[2];
    Checkpoints all = {.weights = {files, 2}, .activation = CLIP_ACTIVATION_QUICK_GELU};
    Uses uses = {.fail_at = -1};
    assert_int_equal(checkpoints_each(names, &all, 1, true, use, &uses, arena, &err), 0);
    assert_true(uses.n == 2 && uses.seen[0] == 0 && uses.seen[1] == 1);
    assert_string_equal(names[0], "RN w16 (1,2,2,1) (" DEMO_WEIGHTS ")");
    assert_string_equal(names[1], "RN w16 (1,2,2,1) (experiments/demo/../demo/clip_demo.safetensors)");
    all.weights.n = 1;
    uses.n = 0;
    assert_int_equal(checkpoints_each(names, &all, 1, true, use, &uses, arena, &err), 0);
    assert_string_equal(names[0], "RN w16 (1,2,2,1)");
    uses = (Uses){0};
    all.weights.n = 2;
    assert_int_equal(checkpoints_each(names, &all, 1, true, use, &uses, arena, &err), -1);
    assert_int_equal(uses.n, 1);
    assert_string_equal(err.text, "enough");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_has_a_name_of_its_own)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
