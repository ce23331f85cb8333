/* test_rooms.c: .ci/rooms, on this tree and on small ones with one thing wrong. */
#include "clip/base/arena.h"
#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include <cmocka.h>

/* What .ci/rooms says of a tree, into out; returns its status. */
static int rooms(const char *tree, char *out, size_t size) {
    char command[4200];
    snprintf(command, sizeof command, ".ci/rooms '%s' 2>&1", tree);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    size_t n = fread(out, 1, size - 1, pipe);
    out[n] = '\0';
    int status = pclose(pipe);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* FOLDER/NAME of the scratch tree, with these lines. */
static void plant(void **state, const char *folder, const char *name, const char *text) {
    char path[4096], file[4200];
    Error err = {0};
    assert_int_equal(make_folders(scratch_path(state, folder, path, sizeof path), &err), 0);
    snprintf(file, sizeof file, "%s/%s", path, name);
    scratch_file(file, text, strlen(text));
}

/* A small tree with nothing wrong. */
static void plant_house(void **state) {
    plant(state, "clip/base", "error.h", "");
    plant(state, "clip/base", "error.c", "#include \"clip/base/error.h\"\n#include <stdio.h>\n");
    plant(state, "clip/math", "ops.h", "#include \"clip/base/error.h\"\n");
    plant(state, "coop", "trainer.c", "#include \"clip/base/error.h\"\n#include \"clip/math/ops.h\"\n");
    plant(state, "experiments", "main.c", "#include \"clip/math/ops.h\"\n");
    plant(state, "tests/clip/math", "test_ops.c", "#include \"clip/math/ops.h\"\n");
}

static void assert_complaint(void **state, const char *complaint) {
    char out[4096];
    assert_int_equal(rooms(*state, out, sizeof out), complaint ? 1 : 0);
    assert_string_equal(out, complaint ? complaint : "");
}

static void this_house_is_in_order(void **state) {
    char out[4096];
    (void)state;
    int status = rooms(".", out, sizeof out);
    assert_string_equal(out, "");
    assert_int_equal(status, 0);
}

static void downhill_is_fine(void **state) {
    plant_house(state);
    assert_complaint(state, NULL);
}

static void upward_include(void **state) {
    plant_house(state);
    plant(state, "clip/base", "arena.c", "#include \"clip/math/ops.h\"\n");
    assert_complaint(state, "clip/base/arena.c includes clip/math/ops.h: clip/math is not below clip/base\n");
}

static void sideways_include(void **state) {
    plant_house(state);
    plant(state, "datasets/images", "jpeg.c", "#include \"clip/math/ops.h\"\n");
    assert_complaint(
        state, "datasets/images/jpeg.c includes clip/math/ops.h: clip/math is not below datasets/images\n");
}

static void sources_see_no_tests(void **state) {
    plant_house(state);
    plant(state, "tests/support", "scratch.h", "");
    plant(state, "coop", "lbfgs.h", "#include \"tests/support/scratch.h\"\n");
    assert_complaint(state,
                     "coop/lbfgs.h includes tests/support/scratch.h: tests/support is not below coop\n");
}

/* ops.h sees error.h, and error.c sees ops.h: a circle of two files although not of two headers. */
static void circle_of_two(void **state) {
    plant_house(state);
    plant(state, "clip/math", "gemm.h", "#include \"clip/math/ops.h\"\n");
    plant(state, "clip/math", "ops.c", "#include \"clip/math/gemm.h\"\n#include \"clip/math/ops.h\"\n");
    assert_complaint(state, "circle of files: clip/math/gemm -> clip/math/ops -> clip/math/gemm\n");
}

static void circle_of_three(void **state) {
    plant_house(state);
    plant(state, "coop", "a.h", "#include \"coop/b.h\"\n");
    plant(state, "coop", "b.h", "#include \"coop/c.h\"\n");
    plant(state, "coop", "c.c", "#include \"coop/a.h\"\n");
    assert_complaint(state, "circle of files: coop/a -> coop/b -> coop/c -> coop/a\n");
}

/* 26 .c files, and a header of one of them, which is the same source. */
static void crowded_folder(void **state) {
    plant_house(state);
    for (char c = 'a'; c <= 'y'; c++)
        plant(state, "clip/text", (const char[]){c, '.', 'c', '\0'}, "");
    plant(state, "clip/text", "y.h", "");
    assert_complaint(state, NULL);
    plant(state, "clip/text", "z.c", "");
    assert_complaint(state, "clip/text: more than 25 sources\n");
}

static void folder_without_a_room(void **state) {
    plant_house(state);
    plant(state, "clip/audio", "mel.c", "");
    assert_complaint(state, "clip/audio/mel.c: a folder without a room: .ci/rooms says what there is\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(this_house_is_in_order),
        cmocka_unit_test_setup_teardown(downhill_is_fine, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(upward_include, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(sideways_include, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(sources_see_no_tests, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(circle_of_two, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(circle_of_three, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(crowded_folder, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(folder_without_a_room, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
