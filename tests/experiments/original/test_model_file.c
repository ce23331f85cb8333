/* test_model_file.c: which model a folder goes on from. (Writing and reading: test_cli_original.c.) */
#include "experiments/original/model_file.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state) {
    (void)state;
    Arena *arena = arena_create();
    assert_string_equal(model_file_path("a/b", 50, arena), "a/b/prompt_learner/model.pth.tar-50");
    assert_string_equal(model_file_path("a/b", -1, arena), "a/b/prompt_learner/model-best.pth.tar");
    arena_free(arena);
}

/* `checkpoint`, what it says, and the model; NULL: refused. */
static void test_latest(void **state) {
    static const char *const cases[][2] = {{"model.pth.tar-7\n", "model.pth.tar-7"},
                                           {"model-best.pth.tar\r\nmore\n", "model-best.pth.tar"},
                                           {"model.pth.tar-8", "model.pth.tar-8"},
                                           {"", NULL},
                                           {"\n", NULL},
                                           {"../../elsewhere/model.pth.tar-7\n", NULL}};
    char folder[600], pointer[700], expected[700];
    Arena *arena = arena_create();
    Error err = {0};
    scratch_path(state, "run", folder, sizeof folder);
    snprintf(pointer, sizeof pointer, "%s/prompt_learner", folder);
    assert_string_equal(model_file_latest(folder, arena, &err), "");
    assert_int_equal(make_folders(pointer, &err), 0);
    assert_string_equal(model_file_latest(folder, arena, &err), "");
    snprintf(pointer, sizeof pointer, "%s/prompt_learner/checkpoint", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        scratch_file(pointer, cases[i][0], strlen(cases[i][0]));
        const char *path = model_file_latest(folder, arena, &err);
        if (!cases[i][1]) {
            assert_null(path);
            assert_non_null(strstr(err.text, "names no model"));
            continue;
        }
        snprintf(expected, sizeof expected, "%s/prompt_learner/%s", folder, cases[i][1]);
        assert_string_equal(path, expected);
    }
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),
        cmocka_unit_test_setup_teardown(test_latest, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
