/* test_retrieve_print.c: published recalls beside ours, with their source, where there are any. */
#include "experiments/retrieve/retrieve.h"

#include "clip/base/files.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What is printed, read from a file in place of stdout. */
static const char *printed(void **state, const Retrieval *retrieval, bool json, Arena *arena) {
    char path[300];
    size_t size;
    Error err = {0};
    scratch_path(state, "out", path, sizeof path);
    fflush(stdout);
    const int kept = dup(STDOUT_FILENO);
    assert_non_null(freopen(path, "w", stdout));
    assert_int_equal(retrieve_print(retrieval, json, arena, &err), 0);
    fflush(stdout);
    assert_int_equal(dup2(kept, STDOUT_FILENO), STDOUT_FILENO);
    close(kept);
    return file_read(path, 1 << 16, arena, &size, &err);
}

static const PublishedRecall published = {
    "coco", 5000, 25010, "RN50", {48.84, 72.78, 82.12}, {28.54, 52.91, 64.59}};

static void published_numbers_stand_beside_ours(void **state) {
    Arena *arena = arena_create();
    Retrieved models[] = {
        {.model = "RN50",
         .to_text = {.n = 5000, .recall = {0.4884, 0.73, 0.82}, .mean_rank = 9.5, .median_rank = 2},
         .to_image = {.n = 25010, .recall = {0.2854, 0.53, 0.65}, .mean_rank = 50, .median_rank = 5},
         .published = &published},
        {.model = "mine", .to_text = {.mean_rank = NAN, .median_rank = NAN}}};
    const Retrieval retrieval = {"coco", 5000, 25010, models, 2};
    const char *text = printed(state, &retrieval, false, arena);
    assert_non_null(strstr(
        text,
        "\nRN50              image to text   48.8   73.0   82.0        9.5       2   48.8   72.8   82.1\n"
        "RN50              text to image   28.5   53.0   65.0       50.0       5   28.5   52.9   64.6\n"
        "mine              image to text    0.0    0.0    0.0          -       -      -      -      -\n"));
    assert_non_null(
        strstr(text, "\npublished R@1, R@5 and R@10: open_clip, docs/openclip_retrieval_results.csv\n"));
    text = printed(state, &retrieval, true, arena);
    assert_non_null(strstr(text, "\"published_R@1\":48.84"));
    assert_non_null(strstr(text, "\"published_R@10\":64.59"));
    assert_non_null(strstr(strchr(text, '\n'), "\"mean_rank\":null"));
    assert_null(strstr(strchr(text, '\n'), "published"));
    arena_free(arena);
}

static void nothing_is_said_of_them_otherwise(void **state) {
    Arena *arena = arena_create();
    Retrieved models[] = {{.model = "mine"}};
    const Retrieval retrieval = {"coco", 5000, 25010, models, 1};
    assert_null(strstr(printed(state, &retrieval, false, arena), "published"));
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(published_numbers_stand_beside_ours, scratch_setup, scratch_teardown),
        cmocka_unit_test_setup_teardown(nothing_is_said_of_them_otherwise, scratch_setup, scratch_teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
