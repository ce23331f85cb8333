/* test_match.c: files are read before a checkpoint is opened, pairs of attributes that are rare have no part
 * in the macro average, and results depend on all that is in a file. */
#include "experiments/retrieve/match.h"

#include "experiments/results/results.h"
#include "tests/experiments/retrieve/demo_model.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    Demo *demo;
    char paths[2][300];
    const char *files[2];
    const char *weights[1];
    MatchOptions options;
    ScoreList *lists;
    const char **models;
} Trial;

static void start(Trial *trial, Demo *demo, const char *first, const char *second) {
    const char *const texts[] = {first, second};
    *trial = (Trial){.demo = demo, .weights = {DEMO_WEIGHTS}};
    for (int i = 0; i < 2; i++) {
        scratch_path(&demo->scratch, i == 0 ? "a.json" : "b.json", trial->paths[i], sizeof trial->paths[i]);
        scratch_file(trial->paths[i], texts[i], strlen(texts[i]));
        trial->files[i] = trial->paths[i];
    }
    trial->options = (MatchOptions){
        .checkpoints = {.weights = {trial->weights, 1}, .activation = CLIP_ACTIVATION_QUICK_GELU},
        .files = trial->files,
        .n_files = 2,
        .images = DEMO_DRAWINGS,
        .quiet = true,
        .n_threads = 2};
}

static int run(Trial *trial) {
    trial->demo->err = (Error){0};
    return match_run(&trial->lists, &trial->models, &trial->options, trial->demo->arena, &trial->demo->err);
}

#define BOX                                                                                                  \
    "\"image_path\": \"key/test_030.jpg\", \"bbox_x\": 0, \"bbox_y\": 0, \"bbox_w\": 64, \"bbox_h\": 64"
#define RIGHT "\"true_caption\": \"a photo of a key.\", \"false_caption\": \"a photo of a cup.\""
#define WRONG "\"true_caption\": \"a photo of a cup.\", \"false_caption\": \"a photo of a key.\""

/* 30 cases of one pair of attributes, of which every third is wrong, and `rare` right ones of another. */
static const char *attributes(Arena *arena, int rare) {
    const char *text = "[";
    for (int i = 0; i < 30 + rare; i++)
        text = arena_printf(arena, "%s%s{" BOX ", %s, \"attributes\": [\"%s\", \"old\"]}", text,
                            i > 0 ? "," : "", i < 30 && i % 3 == 0 ? WRONG : RIGHT, i < 30 ? "red" : "new");
    return arena_printf(arena, "%s]", text);
}

static const Measure *measure(const ScoreList *list, const char *label) {
    for (int i = 0; i < list->n; i++)
        if (strcmp(list->measures[i].label, label) == 0)
            return &list->measures[i];
    return NULL;
}

static void rare_attributes_have_no_part_in_the_average(void **state) {
    Demo *demo = *state;
    Trial trial;
    start(&trial, demo, attributes(demo->arena, 24), attributes(demo->arena, 25));
    assert_int_equal(run(&trial), 0);
    assert_string_equal(trial.lists[1].dataset, "b");
    assert_true(fabs(measure(&trial.lists[0], "text")->percent - 100.0 * 44 / 54) < 1e-9);
    assert_true(fabs(measure(&trial.lists[0], "macro")->percent - 200.0 / 3) < 1e-9);
    assert_int_equal(measure(&trial.lists[0], "macro")->n, 30);
    assert_true(fabs(measure(&trial.lists[1], "macro")->percent - 250.0 / 3) < 1e-9);
    assert_true(measure(&trial.lists[1], "new_old text")->is_detail);
}

#define PAIR(tag)                                                                                            \
    "{\"image_0\": \"key/test_030.jpg\", \"image_1\": \"cup/test_030.jpg\", \"caption_0\": \"a key\", "      \
    "\"caption_1\": \"a cup\", \"collapsed_tag\": \"" tag "\"}"

static void files_are_read_before_a_checkpoint_is_opened(void **state) {
    Demo *demo = *state;
    Trial trial;
    start(&trial, demo, PAIR("Both"), "{");
    trial.weights[0] = "/nowhere.pt";
    assert_int_equal(run(&trial), -1);
    assert_non_null(strstr(demo->err.text, "b.json: "));
    trial.options.n_files = 1;
    assert_int_equal(run(&trial), -1);
    assert_non_null(strstr(demo->err.text, "/nowhere.pt: "));
}

static void results_depend_on_all_that_is_in_the_file(void **state) {
    Demo *demo = *state;
    Trial trial;
    char out[300];
    ResultList list;
    scratch_path(&demo->scratch, "out", out, sizeof out);
    static const char *const texts[] = {PAIR("Both"), PAIR("Object"), PAIR("Both") PAIR("Both")};
    static const int n_kept[] = {6, 6, 6}, n_aside[] = {0, 6, 12};
    for (int i = 0; i < 3; i++) {
        start(&trial, demo, texts[i], "");
        trial.options.n_files = 1;
        trial.options.output = out;
        for (int twice = 0; twice < 2; twice++)
            assert_int_equal(run(&trial), 0);
        assert_int_equal(results_read(&list, out, demo->arena, &demo->err), 0);
        assert_int_equal(list.n_aside, n_aside[i]);
        assert_int_equal(list.n - list.n_aside, n_kept[i]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {DEMO_TEST(rare_attributes_have_no_part_in_the_average),
                                       DEMO_TEST(files_are_read_before_a_checkpoint_is_opened),
                                       DEMO_TEST(results_depend_on_all_that_is_in_the_file)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
