/* test_cli_learned.c: what a run learns classifies: every kind of file gives the labels and probabilities of
 * the run's own predictions, on the command line and from coop.h, `classify RUN_DIR` takes the best, and eval
 * tests each. */
#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/methods/methods.h"
#include "experiments/results/best_classifier.h"
#include "experiments/results/learned_file.h"
#include "experiments/results/predictions.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define IMAGE FIXTURES "images/shape00/0000.jpg"

/* Every method, and each of its kinds of files. */
#define ALL_METHODS                                                                                          \
    "grid: {num_shots: 2, seed: 1}\noptim: {max_epoch: 2, batch_size: 8, lr: 0.02}\naugment: {views: 1}\n"   \
    "methods:\n  - zeroshot: {}\n  - zeroshot: {templates: ensemble}\n  - linear_probe: {}\n"                \
    "  - coop: {n_ctx: 2, csc: [false, true]}\n  - text_layer: {layer: [linear, bias]}\n"                    \
    "  - tip_adapter: {train: [false, true], max_epoch: 2}\n"                                                \
    "  - finetune: {part: [image_projection, layer_norm, text_encoder], lr: 1.0e-3, max_epoch: 1}\n"         \
    "  - clip_lora: {n_iters: 1}\n  - text_probe: {max_epoch: 2}\n  - taskres: {max_epoch: 2}\n"             \
    "  - clap: {max_epoch: 2}\n  - kgcoop: {}\n  - prograd: {}\n  - tcp: {layer: 1, max_epoch: 1}\n"         \
    "  - ss_text: {}\n  - gda: {}\n  - lpp: {}\n  - cross_modal: {}\n"                                       \
    "  - clip_adapter: {max_epoch: 2}\n  - prolip: {max_epoch: 2}\n  - cocoop: {max_epoch: 1}\n"
enum { N_POINTS = 26 };

static void has(const char *text, const char *part) {
    if (!strstr(text, part))
        fail_msg("no '%s' in\n%s", part, text);
}

/* A program of others, all images in one call, against the command line. */
static void check_library(const Predictions *predictions, const char *file, const double *probabilities,
                          Arena *arena) {
    coop_classifier *classifier;
    coop_error error;
    const int n = predictions->n;
    coop_image *images = ARENA_NEW(arena, coop_image, n);
    coop_label *best = ARENA_NEW(arena, coop_label, n);
    for (int i = 0; i < n; i++)
        images[i] = coop_image_file(predictions->items[i].path);
    if (coop_classifier_open(&classifier, file, NULL, &error) != COOP_OK ||
        coop_classify(classifier, images, n, best, 1, NULL, &error) != COOP_OK)
        fail_msg("%s", error.message);
    for (int i = 0; i < n; i++) {
        assert_int_equal(best[i].index, predictions->items[i].predicted);
        assert_true(fabs(best[i].probability - probabilities[i]) <= CLI_SAME);
    }
    coop_classifier_close(classifier);
}

/* `classify FILE IMAGE...` against the predictions in the folder of the file. */
static void check_same(Cli *cli, const Result *result, const char *file, const char *predictions_path) {
    Error err = {0};
    Predictions predictions;
    if (predictions_read(&predictions, predictions_path, result->n_classes, cli->arena, &err) < 0)
        fail_msg("%s", err.text);
    const char **words = ARENA_NEW(cli->arena, const char *, predictions.n + 4);
    words[0] = "classify";
    words[1] = file;
    words[2] = "--json";
    for (int i = 0; i < predictions.n; i++)
        words[3 + i] = predictions.items[i].path;
    cli_expect(cli, 0, words);
    const char *at = cli->out;
    double *probabilities = ARENA_NEW(cli->arena, double, predictions.n);
    for (int i = 0; i < predictions.n; i++) {
        json_t *line = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
        assert_non_null(line);
        const json_t *label = json_array_get(json_object_get(line, "labels"), 0);
        const double probability = json_number_value(json_object_get(label, "probability"));
        assert_string_equal(json_string_value(json_object_get(line, "image")), predictions.items[i].path);
        assert_string_equal(json_string_value(json_object_get(label, "name")),
                            predictions.class_names[predictions.items[i].predicted]);
        if (!(fabs(probability - predictions.items[i].confidence) <= 1e-5))
            fail_msg("%s: %s: %.9f where the run had %.6f", file, predictions.items[i].path, probability,
                     predictions.items[i].confidence);
        json_decref(line);
        at = strchr(at, '\n') + 1;
        probabilities[i] = probability;
    }
    check_library(&predictions, file, probabilities, cli->arena);
}

/* The file says what results.jsonl says of its point. */
static void check_inspect(Cli *cli, const Result *result, const char *file) {
    cli_ok(cli, "inspect", file);
    has(cli->out, arena_printf(cli->arena, "%s\n", result->method));
    has(cli->out, result->key);
    if (strstr(file, "classifier") || strstr(file, "prompt")) {
        has(cli->out, arena_printf(cli->arena, "test accuracy          %.2f %%\n", result->accuracy));
        has(cli->out, arena_printf(cli->arena, "validation accuracy    %.2f %%\n", result->val_accuracy));
    }
}

static const char *file_of(Cli *cli, const char *output, const Result *result) {
    for (int i = 0; learned_file_name(i); i++) {
        const char *path = cli_path(cli, "%s/%s/%s", output, result->folder, learned_file_name(i));
        if (cli_exists(path))
            return path;
    }
    fail_msg("%s: nothing learned", result->folder);
    return NULL;
}

/* None is forgotten. */
static void check_methods(const ResultList *results) {
    const MethodList *methods = method_list();
    for (int m = 0; m < methods->n; m++) {
        const char *name = methods->specs[m]->section.name;
        int i = 0;
        while (i < results->n && strcmp(results->results[i].method, name) != 0)
            i++;
        if (i == results->n)
            fail_msg("%s is not among the methods of this test", name);
    }
}

static void test_every_kind(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "all", "vit", ALL_METHODS);
    cli_ok(cli, "run", yaml);
    const ResultList results = cli_results(cli, "all", NULL);
    assert_int_equal(results.n, N_POINTS);
    check_methods(&results);
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        const char *file = file_of(cli, "all", result);
        assert_true(result->val_accuracy >= 0 && result->val_accuracy <= 100);
        check_same(cli, result, file, cli_path(cli, "all/%s/" PREDICTIONS_FILE, result->folder));
        check_inspect(cli, result, file);
        cli_ok(cli, "eval", file, "--config", yaml);
        has(cli->out, arena_printf(cli->arena, "accuracy %.2f %%, macro-F1 %.2f %%", result->accuracy,
                                   result->macro_f1));
    }
}

/* Images that were encoded in bfloat16 are again, where this processor has it. */
/* Two processors round to bfloat16 alike only nearly, and what has been learned makes much of that. */
static void test_bfloat16(void **state) {
#ifdef NO_FUSED
    skip();
#endif
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "half", "vit",
                                      "grid: {num_shots: 2, seed: 1}\noptim: {max_epoch: 2, batch_size: 8}\n"
                                      "methods:\n  - linear_probe: {}\n  - coop: {n_ctx: 2}\n");
    cli_ok(cli, "run", yaml, "--set", "model.precision=bfloat16");
    const ResultList results = cli_results(cli, "half", NULL);
    assert_int_equal(results.n, 2);
    for (int i = 0; i < results.n; i++)
        check_same(cli, &results.results[i], file_of(cli, "half", &results.results[i]),
                   cli_path(cli, "half/%s/" PREDICTIONS_FILE, results.results[i].folder));
}

/* --- the best of a run --- */

#define FEW                                                                                                  \
    "grid: {num_shots: [1, 2], seed: [1, 2]}\noptim: {max_epoch: 2, batch_size: 8}\nmethods:\n"              \
    "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: 2}\n"

static BestClassifier best_of(Cli *cli, const char *output, ClassifierWish wish) {
    BestClassifier best;
    Error err = {0};
    ResultList *results = ARENA_NEW(cli->arena, ResultList, 1);
    *results = cli_results(cli, output, NULL);
    if (best_classifier(&best, results, cli_path(cli, "%s", output), &wish, cli->arena, &err) < 0)
        fail_msg("%s", err.text);
    return best;
}

static void test_run_dir(void **state) {
    Cli *cli = *state;
    const char *out = cli_path(cli, "few");
    cli_ok(cli, "run", cli_experiment(cli, "few", "vit", FEW));
    BestClassifier best = best_of(cli, "few", ANY_CLASSIFIER);
    has(cli->err, arena_printf(cli->arena,
                               "best classifier: %s, %s\nits file: %s\nlabel images: %s classify %s "
                               "IMAGE...\n",
                               best.name, best.why, best.path, cli->program, out));
    has(best.why, "the best of 9 on validation images");
    cli_ok(cli, "classify", best.path, IMAGE);
    const char *labels = cli->out;
    cli_ok(cli, "classify", out, IMAGE);
    assert_string_equal(cli->out, labels);
    has(cli->err, arena_printf(cli->arena, "%s: %s, %s\n", best.path, best.name, best.why));
    cli_ok(cli, "classify", out, IMAGE, "--quiet");
    assert_null(strstr(cli->err, best.name));
    /* Chosen by hand. */
    ClassifierWish wish = {.method = "linear_probe", .num_shots = 1, .seed = 2};
    best = best_of(cli, "few", wish);
    cli_ok(cli, "classify", out, IMAGE, "--method", "linear probe", "--shots", "1", "--seed", "2");
    has(cli->err, arena_printf(cli->arena, "%s: linear probe, 1 shot, seed 2, the only one: ", best.path));
    cli_ok(cli, "classify", out, IMAGE, "--shots", "0", "--dataset", "Golden");
    has(cli->err, "zero-shot, the only one: ");
    cli_refuses(cli, 2, "coop classify: ", "no classifier fits --method coop --shots 4: there are 9",
                "classify", out, IMAGE, "--method", "coop", "--shots", "4");
    cli_refuses(cli, 2, "coop classify: ", "--shots some: a number or all", "classify", out, IMAGE, "--shots",
                "some");
    cli_refuses(cli, 2, "coop classify: ", "is a file", "classify", best.path, IMAGE, "--seed", "1");
    /* What is chosen but damaged or gone is named, and nothing takes its place. */
    const char *path = best_of(cli, "few", ANY_CLASSIFIER).path;
    scratch_flip(path, 70, 4);
    assert_int_equal(cli_run(cli, "classify", out, IMAGE, "--quiet"), 3);
    has(cli->err, path);
    unlink(path);
    cli_refuses(cli, 3, path, ": missing, but it is what", "classify", out, IMAGE);
}

/* Folders that are none of a run. */
static void test_other_folders(void **state) {
    Cli *cli = *state;
    const char *folder = cli_path(cli, "trained");
    assert_int_equal(make_folders(folder, NULL), 0);
    cli_refuses(cli, 3, folder, "not the output of a run: no results.jsonl", "classify", folder, IMAGE);
    scratch_file(cli_path(cli, "trained/open_clip_model.safetensors"), "x", 1);
    cli_refuses(cli, 3, folder, "the folder of a pretraining", "classify", folder, IMAGE);
}

/* A run that an earlier version has finished, as far as it shows: no accuracy on validation images. It is not
 * run again, its prompts classify, and the end says what there is not. */
static void test_earlier_version(void **state) {
    Cli *cli = *state;
    Error err = {0};
    const char *yaml = cli_experiment(cli, "few", "vit", FEW), *out = cli_path(cli, "few");
    cli_ok(cli, "run", yaml);
    const ResultList results = cli_results(cli, "few", NULL);
    unlink(cli_path(cli, "few/results.jsonl"));
    for (int i = 0; i < results.n; i++) {
        Result result = results.results[i];
        const char *path = cli_path(cli, "few/%s/classifier.safetensors", result.folder);
        result.val_accuracy = NAN;
        ResultFile *files = ARENA_NEW(cli->arena, ResultFile, result.n_files);
        int n = 0;
        for (int j = 0; j < result.n_files; j++)
            if (strcmp(result.files[j].name, "classifier.safetensors") != 0)
                files[n++] = result.files[j];
        result.files = files;
        result.n_files = n;
        unlink(path);
        if (result_append(out, &result, &err) < 0)
            fail_msg("%s", err.text);
    }
    cli_ok(cli, "run", yaml);
    has(cli->err, "9 of 9 points are already finished");
    has(cli->err, "note: 5 points were finished by an earlier version, which kept no classifier");
    has(cli->err, "the best of 4 on test images: ");
    cli_ok(cli, "classify", out, IMAGE);
    has(cli->err, "prompt.safetensors: CoOp M=2 end, ");
    has(cli->err, "; there is no accuracy on validation images\n");
    /* A new point beside them. */
    cli_ok(cli, "run", yaml, "--set", "grid.num_shots=[1, 2, 4]");
    cli_ok(cli, "classify", out, IMAGE);
    has(cli->err, "; 4 were finished by an earlier version, without validation images\n");
}

/* Whether photos were turned is kept with whatever was learned of them. */
static void test_exif(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "few", "vit", FEW);
    cli_ok(cli, "run", yaml, "--set", "dataset.exif=rotate", "--set", "grid={num_shots: 1, seed: 1}");
    const ResultList results = cli_results(cli, "few", NULL);
    assert_int_equal(results.n, 3);
    for (int i = 0; i < results.n; i++) {
        const char *prompt = cli_path(cli, "few/%s/prompt.safetensors", results.results[i].folder);
        const char *file = cli_path(cli, "few/%s/classifier.safetensors", results.results[i].folder);
        cli_ok(cli, "inspect", cli_exists(prompt) ? prompt : file);
        has(cli->out, "exif                   rotate\n");
    }
}

/* Class names of another dataset: a classifier serves only those that it was learned on. */
static void test_new_classes(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "few", "vit", FEW);
    cli_ok(cli, "run", yaml, "--set", "dataset.subsample_classes=base");
    const char *file =
        cli_path(cli, "few/%s/classifier.safetensors",
                 best_of(cli, "few", (ClassifierWish){.method = "linear_probe", .num_shots = 2, .seed = 1})
                     .result->folder);
    cli_ok(cli, "eval", file, "--config", yaml, "--set", "dataset.subsample_classes=base");
    cli_refuses(cli, 3, file, "keeps what became of its own names alone", "eval", file, "--config", yaml);
    cli_refuses(cli, 3, file, "format 'coop-classifier' where 'coop-prompt' is needed", "words", file);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_every_kind),      CLI_TEST(test_bfloat16),
                                       CLI_TEST(test_run_dir),         CLI_TEST(test_other_folders),
                                       CLI_TEST(test_earlier_version), CLI_TEST(test_exif),
                                       CLI_TEST(test_new_classes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
