/* test_ask_many.c: where candidates come from, accuracies of each type, and what results depend on. */
#include "experiments/retrieve/ask_many.h"

#include "experiments/results/results.h"
#include "tests/experiments/retrieve/demo_model.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const template[] = {"a photo of a {answer}."};

typedef struct {
    Demo *demo;
    char questions[300], out[300];
    const char *weights[1];
    AskOptions options;
    Asked asked;
} Trial;

static void start(Trial *trial, Demo *demo) {
    static const char table[] = "image\tquestion\tanswer\ttype\nkey/test_030.jpg\tWhat?\tkey\tA\n"
                                "star/test_030.jpg\tWhat?\tstar\tB\nkey/test_030.jpg\tWhat?\tstar\tA\n";
    *trial = (Trial){.demo = demo, .weights = {DEMO_WEIGHTS}};
    scratch_path(&demo->scratch, "q.tsv", trial->questions, sizeof trial->questions);
    scratch_path(&demo->scratch, "out", trial->out, sizeof trial->out);
    scratch_file(trial->questions, table, strlen(table));
    trial->options = (AskOptions){
        .checkpoints = {.weights = {trial->weights, 1}, .activation = CLIP_ACTIVATION_QUICK_GELU},
        .with = {.templates = template, .n_templates = 1},
        .questions = trial->questions,
        .images = DEMO_DRAWINGS,
        .output = trial->out,
        .quiet = true,
        .n_threads = 2};
}

static void run(Trial *trial) {
    if (ask_many(&trial->asked, &trial->options, trial->demo->arena, &trial->demo->err) < 0)
        fail_msg("%s", trial->demo->err.text);
}

static void accuracies_are_those_of_each_type(void **state) {
    Trial trial;
    start(&trial, *state);
    run(&trial);
    const ScoreList *list = trial.asked.lists;
    assert_int_equal(list->n, 4);
    assert_string_equal(list->measures[0].label, "overall");
    assert_true(list->measures[0].percent > 66.6 && list->measures[0].percent < 66.7);
    assert_string_equal(list->measures[1].label, "sure");
    assert_true(list->measures[1].percent > 50 && list->measures[1].percent <= 100);
    assert_string_equal(list->measures[2].label, "questions A");
    assert_true(list->measures[2].percent == 50 && list->measures[2].n == 2);
    assert_true(list->measures[3].percent == 100 && list->measures[3].n == 1);
    assert_string_equal(trial.asked.picks[1].answer, "star");
    assert_true(trial.asked.picks[1].share > 0.5);
}

static int n_aside(Trial *trial) {
    ResultList list;
    run(trial);
    assert_int_equal(results_read(&list, trial->out, trial->demo->arena, &trial->demo->err), 0);
    assert_int_equal(list.n - list.n_aside, 4);
    return list.n_aside;
}

static void results_depend_on_templates_candidates_and_exif(void **state) {
    static const char *const answers[] = {"key", "star", "cup"}, *const other[] = {"{answer}"};
    Trial trial;
    start(&trial, *state);
    assert_int_equal(n_aside(&trial), 0);
    assert_int_equal(n_aside(&trial), 0);
    trial.options.with.templates = other;
    assert_int_equal(n_aside(&trial), 4);
    trial.options.with.answers = answers;
    trial.options.with.n_answers = 3;
    assert_int_equal(n_aside(&trial), 8);
    trial.options.upright = true;
    assert_int_equal(n_aside(&trial), 12);
}

int main(void) {
    const struct CMUnitTest tests[] = {DEMO_TEST(accuracies_are_those_of_each_type),
                                       DEMO_TEST(results_depend_on_templates_candidates_and_exif)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
