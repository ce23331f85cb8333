/* test_describe.c: a result and a resumption in the lines of Dassl, and of the older Dassl that KgCoOp,
 * ProGrad and TCP come with. */
#include "experiments/original/describe.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static Item items[] = {{"a", 0}, {"b", 0}, {"c", 0}, {"d", 2}};
static const char *names[] = {"cat", "dog", "face"};

static void check(void **state, bool older, const char *expected) {
    char path[600];
    Arena *arena = arena_create();
    Error err = {0};
    Log log;
    Settings settings = {.older = older};
    Session session = {.dataset = {.n_classes = 3, .class_names = names, .test = {items, 4}}};
    const double per_class[] = {200.0 / 3, NAN, 100};
    assert_int_equal(yacs_start(&settings.config, YACS_COOP_CODE, arena, &err), 0);
    const char *const pairs[] = {"TEST.PER_CLASS_RESULT", "True"};
    assert_int_equal(yacs_merge_pairs(&settings.config, pairs, 2, &err), 0);
    scratch_path(state, older ? "older.txt" : "log.txt", path, sizeof path);
    assert_int_equal(log_open(&log, path, arena, &err), 0);
    describe_resumed(&log, &settings, "out", "a.tar", 3);
    describe_split(&log, &settings, "val");
    describe_result(&log, &settings, &session, 75, 80, per_class);
    assert_int_equal(log_close(&log, &err), 0);
    assert_string_equal(file_read(path, 1 << 16, arena, NULL, &err), expected);
    arena_free(arena);
}

#define LOADED "Loading checkpoint from \"a.tar\"\nLoaded model weights\nLoaded optimizer\nLoaded scheduler\n"

static void test_lines(void **state) {
    check(state, false,
          "Found checkpoint at out (will resume training)\n" LOADED
          "Previous epoch: 3\nEvaluate on the *val* set\n=> result\n* total: 4\n* correct: 3\n* accuracy: "
          "75.0%\n"
          "* error: 25.0%\n* macro_f1: 80.0%\n=> per-class result\n"
          "* class: 0 (cat)\ttotal: 3\tcorrect: 2\tacc: 66.7%\n"
          "* class: 2 (face)\ttotal: 1\tcorrect: 1\tacc: 100.0%\n* average: 83.3%\n");
    check(state, true,
          "Found checkpoint in \"out\". Will resume training\n" LOADED
          "Previous epoch: 3\nDo evaluation on val set\n=> result\n* total: 4\n* correct: 3\n* accuracy: "
          "75.00%\n"
          "* error: 25.00%\n* macro_f1: 80.00%\n=> per-class result\n"
          "* class: 0 (cat)\ttotal: 3\tcorrect: 2\tacc: 66.67%\n"
          "* class: 2 (face)\ttotal: 1\tcorrect: 1\tacc: 100.00%\n* average: 83.33%\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
