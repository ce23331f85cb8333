/* experiment_support.h: experiment files for tests, written into a scratch folder and read back. */
#ifndef TESTS_SUPPORT_EXPERIMENT_SUPPORT_H
#define TESTS_SUPPORT_EXPERIMENT_SUPPORT_H

#include "experiments/config/config.h"
#include "experiments/grid/grid.h"
#include "experiments/grid/point_yaml.h"
#include "experiments/methods/methods.h"
#include "experiments/methods/prompts/prompting.h"

/* The least that an experiment file needs before "methods:". */
#define LEAST "model: {weights: m/RN50.pt}\ndataset: {name: oxford_pets, root: data}\n"

/* cmocka state: a scratch folder, and what was read last. */
typedef struct {
    char path[256]; /* of the experiment file */
    Arena *arena;
    Experiment experiment;
    Error err;
    void *scratch;
} Trial;

int trial_setup(void **state);
int trial_teardown(void **state);

/* The options of an entry or a point. */
const TextList *templates_of(const MethodSpec *method, const MethodOptions *options);
const PromptOptions *coop_of(const MethodSpec *method, const MethodOptions *options);
/* Fails the test unless it is the method of that name. */
void assert_method(const MethodSpec *method, const char *name);

/* Writes the text as FOLDER/trial.yaml and reads it, with at most one override (or NULL). */
int trial_read(Trial *trial, const char *text, const char *override);
/* The same; fails the test when there is an error. */
void trial_read_ok(Trial *trial, const char *text, const char *override);
/* The grid of the text, which stands for itself with these digests; fails the test when there is an error. */
extern const GridDigests TRIAL_DIGESTS;
Grid trial_expand(Trial *trial, const char *text);
/* As trial_read; fails the test unless the error is "PATH: EXPECTED" ("EXPECTED" alone for an override), of
 * the right kind. */
void trial_refuses(Trial *trial, const char *text, const char *override, const char *expected);

#endif
