/* experiment_support.c: see experiment_support.h. */
#include "tests/support/experiment_support.h"

#include "tests/support/scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

int trial_setup(void **state) {
    Trial *trial = calloc(1, sizeof *trial);
    if (!trial || scratch_setup(&trial->scratch))
        return -1;
    scratch_path(&trial->scratch, "trial.yaml", trial->path, sizeof trial->path);
    trial->arena = arena_create();
    *state = trial;
    return trial->arena ? 0 : -1;
}

int trial_teardown(void **state) {
    Trial *trial = *state;
    arena_free(trial->arena);
    int result = scratch_teardown(&trial->scratch);
    free(trial);
    return result;
}

void assert_method(const MethodSpec *method, const char *name) {
    assert_string_equal(method->section.name, name);
}

const TextList *templates_of(const MethodSpec *method, const MethodOptions *options) {
    assert_non_null(section_key(&method->section, "templates"));
    return &options->templates;
}

const PromptOptions *coop_of(const MethodSpec *method, const MethodOptions *options) {
    assert_method(method, "coop");
    return (const PromptOptions *)options;
}

int trial_read(Trial *trial, const char *text, const char *override) {
    trial->err = (Error){0};
    scratch_file(trial->path, text, strlen(text));
    return experiment_read(&trial->experiment, trial->path, &override, override != NULL, method_list(),
                           trial->arena, &trial->err);
}

void trial_read_ok(Trial *trial, const char *text, const char *override) {
    if (trial_read(trial, text, override))
        fail_msg("%s\nwas refused: %s", text, trial->err.text);
}

const GridDigests TRIAL_DIGESTS = {.model = "model-digest", .vocab = "vocab-digest", .split = "split-digest"};

Grid trial_expand(Trial *trial, const char *text) {
    Grid grid;
    trial_read_ok(trial, text, NULL);
    if (grid_expand(&grid, &trial->experiment, &TRIAL_DIGESTS, trial->arena, &trial->err) < 0)
        fail_msg("%s\nwas not expanded: %s", text, trial->err.text);
    return grid;
}

void trial_refuses(Trial *trial, const char *text, const char *override, const char *expected) {
    if (trial_read(trial, text, override) == 0)
        fail_msg("%s\n(%s) was accepted; expected: %s", text, override ? override : "", expected);
    const char *message = trial->err.text;
    size_t n = strlen(trial->path);
    if (!override) {
        assert_int_equal(strncmp(message, trial->path, n), 0);
        assert_int_equal(strncmp(message + n, ": ", 2), 0);
        message += n + 2;
    }
    assert_string_equal(message, expected);
    assert_int_equal(trial->err.kind, override ? ERROR_USAGE : ERROR_INPUT);
}
