/* test_study.c: experiments/config/study.c: lists of checkpoints and datasets, and targets of transfer. */
#include "experiments/config/study.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define METHODS "methods: [zeroshot: {templates: default}]\n"

static int read_study(Trial *trial, Study *study, const char *text, const char *override) {
    trial->err = (Error){0};
    scratch_file(trial->path, text, strlen(text));
    return study_read(study, trial->path, &override, override != NULL, method_list(), trial->arena,
                      &trial->err);
}

static Study study_ok(Trial *trial, const char *text, const char *override) {
    Study study;
    if (read_study(trial, &study, text, override) < 0)
        fail_msg("%s\nwas refused: %s", text, trial->err.text);
    return study;
}

static void refuses(Trial *trial, const char *text, const char *part) {
    Study study;
    if (read_study(trial, &study, text, NULL) == 0)
        fail_msg("%s\nwas accepted", text);
    if (!strstr(trial->err.text, part))
        fail_msg("\"%s\" does not hold \"%s\"", trial->err.text, part);
    assert_int_equal(trial->err.kind, ERROR_INPUT);
}

static void test_one(void **state) {
    Study study = study_ok(*state, LEAST METHODS, NULL);
    assert_int_equal(study.n, 1);
    assert_string_equal(study.experiments[0].dataset.name, "oxford_pets");
    assert_int_equal(study.experiments[0].n_targets, 0);
}

/* All pairs, those of one checkpoint together; each dataset has its own default template, all one output. */
static void test_pairs(void **state) {
    Study study = study_ok(*state,
                           "name: s\nmodel: {weights: [m/RN50.pt, m/RN101.pt]}\n"
                           "dataset: {name: [dtd, eurosat, oxford_pets], root: data}\n" METHODS,
                           NULL);
    static const char *const names[] = {"dtd", "eurosat", "oxford_pets"};
    static const char *const templates[] = {"{} texture.", "a centered satellite photo of {}.",
                                            "a photo of a {}, a type of pet."};
    assert_int_equal(study.n, 6);
    for (int i = 0; i < 6; i++) {
        const Experiment *experiment = &study.experiments[i];
        assert_string_equal(experiment->model.weights, i < 3 ? "m/RN50.pt" : "m/RN101.pt");
        assert_string_equal(experiment->dataset.name, names[i % 3]);
        assert_string_equal(experiment->dataset.root, "data");
        assert_string_equal(
            templates_of(experiment->methods[0].method, experiment->methods[0].options)->values[0],
            templates[i % 3]);
        assert_string_equal(experiment->output, "runs/s");
    }
}

/* Whole sections as lists, with lists in them. */
static void test_sections(void **state) {
    Study study = study_ok(
        *state,
        "model: [{weights: a.pt, activation: gelu}, {weights: b.pt}]\n"
        "dataset:\n  - {name: [dtd, food101], root: data}\n  - {format: folder, test: photos}\n" METHODS,
        NULL);
    assert_int_equal(study.n, 6);
    assert_int_equal(study.experiments[2].model.activation, CLIP_ACTIVATION_GELU);
    assert_int_equal(study.experiments[3].model.activation, CLIP_ACTIVATION_AUTO);
    assert_string_equal(study.experiments[4].dataset.name, "food101");
    assert_string_equal(study.experiments[5].dataset.test, "photos");
    assert_null(study.experiments[5].dataset.name);
}

static void test_override(void **state) {
    Study study = study_ok(*state, LEAST METHODS, "dataset.name=[dtd, sun397]");
    assert_int_equal(study.n, 2);
    assert_string_equal(study.experiments[1].dataset.name, "sun397");
    study = study_ok(*state, LEAST "transfer: [dtd]\n" METHODS, "transfer=[]");
    assert_int_equal(study.experiments[0].n_targets, 0);
}

/* A name takes the root; keys without a name change the dataset; a format stands for itself. */
static void test_targets(void **state) {
    Study study =
        study_ok(*state,
                 "model: {weights: m/RN50.pt}\n"
                 "dataset: {name: [dtd, food101], root: data, subsample_classes: base}\n"
                 "transfer:\n  - eurosat\n  - {subsample_classes: new}\n  - {name: ucf101, root: other}\n"
                 "  - {format: folder, test: photos}\n" METHODS,
                 NULL);
    assert_int_equal(study.n, 2);
    for (int i = 0; i < 2; i++) {
        const Experiment *experiment = &study.experiments[i], *targets = experiment->targets;
        assert_int_equal(experiment->n_targets, 4);
        assert_string_equal(targets[0].dataset.name, "eurosat");
        assert_string_equal(targets[0].dataset.root, "data");
        assert_string_equal(targets[0].dataset.subsample_classes, "all");
        assert_string_equal(
            templates_of(targets[0].methods[0].method, targets[0].methods[0].options)->values[0],
            "a centered satellite photo of {}.");
        assert_string_equal(targets[1].dataset.name, i == 0 ? "dtd" : "food101");
        assert_string_equal(targets[1].dataset.subsample_classes, "new");
        assert_string_equal(targets[2].dataset.root, "other");
        assert_string_equal(targets[3].dataset.format, "folder");
        assert_null(targets[3].dataset.name);
        assert_string_equal(experiment->dataset.name, i == 0 ? "dtd" : "food101");
        assert_string_equal(experiment->dataset.subsample_classes, "base");
    }
    study = study_ok(*state, LEAST "transfer: dtd\n" METHODS, NULL);
    assert_int_equal(study.experiments[0].n_targets, 1);
}

static void test_refusals(void **state) {
    refuses(*state, "model: {weights: [a.pt, a.pt]}\ndataset: {name: dtd, root: data}\n" METHODS,
            "line 1: model.weights: 'a.pt' stands there twice");
    refuses(*state, "model: {weights: a.pt}\ndataset: {name: [], root: data}\n" METHODS,
            "line 2: dataset.name: an empty list");
    refuses(*state, "model: {weights: a.pt}\ndataset: {name: [dtd, eurosad], root: data}\n" METHODS,
            "line 2: dataset.name: 'eurosad' is not known");
    refuses(*state, "model: {weights: a.pt}\ndataset: {name: [dtd, [eurosat]], root: data}\n" METHODS,
            "line 2: dataset.name: a list where one value is needed");
    refuses(*state, "model: []\ndataset: {name: dtd, root: data}\n" METHODS, "line 1: model: an empty list");
    refuses(*state, "model: [a.pt]\ndataset: {name: dtd, root: data}\n" METHODS,
            "line 1: model must be keys with values");
    refuses(*state, LEAST "transfer: [imagenetv3]\n" METHODS,
            "line 3: dataset.name: 'imagenetv3' is not known");
    refuses(*state,
            "model: {weights: a.pt}\ndataset: {format: folder, test: photos}\ntransfer: [dtd]\n" METHODS,
            "line 3: missing key 'root' in dataset");
    refuses(
        *state,
        "model: {weights: a.pt}\ndataset: {format: folder, test: photos}\ntransfer: [{name: dtdd}]\n" METHODS,
        "line 3: missing key 'root' in dataset");
    refuses(*state, LEAST "transfer:\n  - {nam: dtd}\n" METHODS, "line 4: unknown key 'nam' in dataset");
    refuses(*state, LEAST "transfer: [[dtd]]\n" METHODS,
            "line 3: transfer[0]: must be the name of a dataset");
    refuses(*state, "model: {}\ndataset: {name: dtd, root: data}\n" METHODS,
            "line 1: missing key 'weights' in model");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_one, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_pairs, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_sections, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_override, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_targets, trial_setup, trial_teardown),
        cmocka_unit_test_setup_teardown(test_refusals, trial_setup, trial_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
