/* test_best_classifier.c: which classifier of an output folder is the best, and what is said of it. */
#include "experiments/results/best_classifier.h"

#include "clip/base/files.h"
#include "coop/classifier_file.h"
#include "coop/tuned_file.h"
#include "tests/support/experiment_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    const char *method, *dataset;
    int num_shots, seed;
    double val, test;
    const char *file;            /* NULL: left none */
    const char *source, *folder; /* NULL: none, one of its own */
    const char *finished;
    bool noted_none;
} Made;

/* Results with these fields, and a folder FOLDER/0, FOLDER/1, ... each. */
static ResultList make(Trial *trial, const Made *made, int n) {
    Result *results = ARENA_NEW(trial->arena, Result, n);
    ResultFile *files = ARENA_NEW(trial->arena, ResultFile, n);
    for (int i = 0; i < n; i++) {
        files[i].name = made[i].file;
        results[i] = (Result){.key = arena_printf(trial->arena, "%064d", i),
                              .dataset = made[i].dataset ? made[i].dataset : "pets",
                              .source = made[i].source,
                              .method = made[i].method,
                              .label = made[i].method,
                              .folder = made[i].folder ? made[i].folder : arena_printf(trial->arena, "%d", i),
                              .num_shots = made[i].num_shots,
                              .seed = made[i].seed,
                              .val_accuracy = made[i].val,
                              .accuracy = made[i].test,
                              .files = &files[i],
                              .n_files = made[i].file && !made[i].noted_none,
                              .finished = made[i].finished};
    }
    return (ResultList){.results = results, .n = n};
}

static BestClassifier find(Trial *trial, const ResultList *list, ClassifierWish wish) {
    BestClassifier best;
    if (best_classifier(&best, list, "out", &wish, trial->arena, &trial->err) < 0)
        fail_msg("%s", trial->err.text);
    return best;
}

static void expect(Trial *trial, const ResultList *list, ClassifierWish wish, int index, const char *name,
                   const char *why) {
    const BestClassifier best = find(trial, list, wish);
    assert_ptr_equal(best.result, &list->results[index]);
    assert_string_equal(best.name, name);
    assert_string_equal(best.why, why);
}

static void refuses(Trial *trial, const ResultList *list, ClassifierWish wish, ErrorKind kind,
                    const char *text) {
    BestClassifier best;
    trial->err = (Error){0};
    assert_int_equal(best_classifier(&best, list, "out", &wish, trial->arena, &trial->err), -1);
    assert_int_equal(trial->err.kind, kind);
    assert_string_equal(trial->err.text, text);
}

/* By validation accuracy, whatever the test says; of equals more shots, then the lower seed. */
static void test_order(void **state) {
    Trial *trial = *state;
    const Made made[] = {
        {"zeroshot", NULL, SHOTS_NONE, 0, 90, 99, .file = CLASSIFIER_FILE},
        {"coop", NULL, 1, 1, 90, 70, .file = PROMPT_FILE},
        {"coop", NULL, 16, 2, 90, 60, .file = PROMPT_FILE},
        {"coop", NULL, 16, 1, 90, 50, .file = PROMPT_FILE},
        {"linear_probe", NULL, SHOTS_ALL, 3, 80, 98, .file = CLASSIFIER_FILE},
        {"clip_lora", NULL, 4, 1, 89.5, 97, .file = TUNED_LOW_RANK_FILE},
        {"text_layer", NULL, 16, 1, 95, 96, .file = NULL}}; /* finished by an earlier version */
    const ResultList list = make(trial, made, 7);
    expect(trial, &list, ANY_CLASSIFIER, 3, "coop, 16 shots, seed 1",
           "the best of 6 on validation images: 90.0 % (50.0 % on test images)");
    assert_string_equal(find(trial, &list, ANY_CLASSIFIER).path, "out/3/prompt.safetensors");
    ClassifierWish wish = ANY_CLASSIFIER;
    wish.num_shots = 1;
    expect(trial, &list, wish, 1, "coop, 1 shot, seed 1", "the only one: 90.0 % (70.0 % on test images)");
    wish.num_shots = SHOTS_NONE;
    expect(trial, &list, wish, 0, "zeroshot", "the only one: 90.0 % (99.0 % on test images)");
    wish.num_shots = SHOTS_ALL;
    expect(trial, &list, wish, 4, "linear_probe, all images, seed 3",
           "the only one: 80.0 % (98.0 % on test images)");
    wish = ANY_CLASSIFIER;
    wish.seed = 2;
    expect(trial, &list, wish, 2, "coop, 16 shots, seed 2", "the only one: 90.0 % (60.0 % on test images)");
    wish = ANY_CLASSIFIER;
    wish.method = "clip_lora";
    expect(trial, &list, wish, 5, "clip_lora, 4 shots, seed 1",
           "the only one: 89.5 % (97.0 % on test images)");
    assert_string_equal(find(trial, &list, wish).path, "out/5/lora.safetensors");
    wish.num_shots = 16;
    wish.seed = 4;
    refuses(
        trial, &list, wish, ERROR_USAGE,
        "out: no classifier fits --method clip_lora --shots 16 --seed 4: there are 6, of methods 'zeroshot', "
        "'coop', 'linear_probe', 'clip_lora' and datasets 'pets'");
}

/* Where one has no accuracy on validation images, those on test images count, for all. */
static void test_without_validation(void **state) {
    Trial *trial = *state;
    const Made made[] = {{"coop", NULL, 16, 1, 90, 70, .file = PROMPT_FILE},
                         {"coop", NULL, 16, 2, NAN, 75, .file = PROMPT_FILE},
                         {"coop", NULL, 16, 3, NAN, 60, .file = PROMPT_FILE}};
    const ResultList list = make(trial, made, 3), none = make(trial, made + 1, 2),
                     one = make(trial, made + 1, 1);
    expect(trial, &list, ANY_CLASSIFIER, 1, "coop, 16 shots, seed 2",
           "the best of 3 on test images: 75.0 %; 2 were finished by an earlier version, without validation "
           "images");
    expect(trial, &none, ANY_CLASSIFIER, 0, "coop, 16 shots, seed 2",
           "the best of 2 on test images: 75.0 %; there is no accuracy on validation images");
    expect(trial, &one, ANY_CLASSIFIER, 0, "coop, 16 shots, seed 2", "the only one: 75.0 %");
}

static void test_datasets(void **state) {
    Trial *trial = *state;
    const Made made[] = {
        {"coop", "pets", 16, 1, 90, 70, .file = PROMPT_FILE},
        {"coop", "cars", 16, 1, 95, 70, .file = PROMPT_FILE},
        {"coop", "birds", 16, 1, 99, 70, .file = PROMPT_FILE, .source = "pets"}}; /* tested there */
    const ResultList list = make(trial, made, 3);
    refuses(trial, &list, ANY_CLASSIFIER, ERROR_USAGE,
            "out: classifiers of several datasets: --dataset says which of 'pets', 'cars'");
    ClassifierWish wish = ANY_CLASSIFIER;
    wish.dataset = "pets";
    expect(trial, &list, wish, 0, "coop, 16 shots, seed 1", "the only one: 90.0 % (70.0 % on test images)");
    assert_true(find(trial, &list, wish).needs_dataset);
    wish.dataset = "birds";
    refuses(trial, &list, wish, ERROR_USAGE,
            "out: no classifier fits --dataset birds: there are 2, of methods 'coop' and datasets 'pets', "
            "'cars'");
}

/* Tested on others, where hand-written prompts are run too: the one that was trained on is meant. */
static void test_targets(void **state) {
    Trial *trial = *state;
    const Made made[] = {{"coop", "pets", 16, 1, 90, 70, .file = PROMPT_FILE},
                         {"zeroshot", "pets", SHOTS_NONE, 0, 80, 70, .file = CLASSIFIER_FILE},
                         {"zeroshot", "cars", SHOTS_NONE, 0, 99, 70, .file = CLASSIFIER_FILE}};
    const ResultList list = make(trial, made, 3), alone = make(trial, made + 1, 2);
    const BestClassifier best = find(trial, &list, ANY_CLASSIFIER);
    assert_ptr_equal(best.result, &list.results[0]);
    assert_false(best.needs_dataset);
    ClassifierWish wish = ANY_CLASSIFIER;
    wish.method = "zeroshot";
    assert_ptr_equal(find(trial, &list, wish).result, &list.results[1]);
    wish.dataset = "cars";
    assert_ptr_equal(find(trial, &list, wish).result, &list.results[2]);
    assert_true(find(trial, &list, wish).needs_dataset);
    refuses(trial, &alone, ANY_CLASSIFIER, ERROR_USAGE,
            "out: classifiers of several datasets: --dataset says which of 'pets', 'cars'");
}

/* A folder that a later point has used; results that are set aside; none at all. */
static void test_left_out(void **state) {
    Trial *trial = *state;
    const Made made[] = {
        {"coop", NULL, 16, 1, 99, 70, .file = PROMPT_FILE, .folder = "x", .finished = "2024-05-01"},
        {"coop", NULL, 16, 1, 80, 70, .file = PROMPT_FILE, .folder = "x", .finished = "2024-05-02"},
        {"coop", NULL, 16, 2, 95, 70, .file = PROMPT_FILE}};
    const ResultList list = make(trial, made, 3), none = make(trial, made, 0);
    list.results[2].aside = true;
    expect(trial, &list, ANY_CLASSIFIER, 1, "coop, 16 shots, seed 1",
           "the only one: 80.0 % (70.0 % on test images)");
    refuses(trial, &none, ANY_CLASSIFIER, ERROR_INPUT, "out: no results in results.jsonl yet");
    const Made old[] = {{"linear_probe", NULL, 16, 1, NAN, 70, .file = NULL}};
    const ResultList older = make(trial, old, 1);
    refuses(
        trial, &older, ANY_CLASSIFIER, ERROR_INPUT,
        "out: none of its 1 results has a file for classify: an earlier version has finished them; another "
        "`output:` makes them anew");
}

/* A result that notes no files: what is there counts. */
static void test_noted_none(void **state) {
    Trial *trial = *state;
    const Made made[] = {{"coop", NULL, 16, 1, NAN, 70, .file = PROMPT_FILE, .noted_none = true}};
    const ResultList list = make(trial, made, 1);
    const char *output = trial->scratch;
    assert_null(result_classifier(&list, list.results, output, trial->arena));
    assert_int_equal(make_folders(path_join(trial->arena, output, "0"), &trial->err), 0);
    const char *path = path_join(trial->arena, output, "0/" PROMPT_FILE);
    scratch_file(path, "x", 1);
    assert_string_equal(result_classifier(&list, list.results, output, trial->arena), path);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, trial_setup, trial_teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_order),    TEST(test_without_validation),
                                       TEST(test_datasets), TEST(test_targets),
                                       TEST(test_left_out), TEST(test_noted_none)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
