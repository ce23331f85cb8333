/* test_cli_tune.c: fine-tuning and CLIP-LoRA as a user runs them: every part, the same bits for any number of
 * threads and after any signal, tests on another dataset, and what classify and eval do with the files. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "coop/tuned_file.h"
#include "datasets/lists/dataset_open.h"
#include "experiments/results/predictions.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { K = 10 };

#define GRID "grid: {num_shots: 1, seed: 1}\noutputs: {logits: true, report: false}\n"
#define TARGET                                                                                               \
    "transfer: [{name: again, format: split, images: " FIXTURES "images, split: " FIXTURES                   \
    "split_zhou_Golden.json, subsample_classes: new}]\n"

static const char *file_of(const Result *result) {
    return strcmp(result->method, "clip_lora") == 0 ? TUNED_LOW_RANK_FILE : TUNED_WEIGHTS_FILE;
}

static void assert_same_runs(Cli *cli, const char *a, const char *b) {
    ResultList results = cli_results(cli, a, NULL), others = cli_results(cli, b, NULL);
    assert_int_equal(results.n, others.n);
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        const char *names[] = {"test_logits.safetensors", PREDICTIONS_FILE, file_of(result)};
        const bool learned_here = !strstr(result->folder, "/on_");
        for (int k = 0; k < (learned_here ? 3 : 2); k++)
            cli_assert_same_files(cli, cli_path(cli, "%s/%s/%s", a, result->folder, names[k]),
                                  cli_path(cli, "%s/%s/%s", b, result->folder, names[k]));
    }
}

/* Every part and kind, with threads from 1 to 3. */
static void test_same_bits(void **state) {
    Cli *cli = *state;
    static const char *const threads[] = {"1", "2", "3"};
    for (int i = 0; i < (scratch_instrumented() ? 1 : 3); i++) {
        const char *name = arena_printf(cli->arena, "t%s", threads[i]);
        const char *yaml = cli_experiment(
            cli, name, "vit",
            TARGET GRID "optim: {max_epoch: 2, batch_size: 8, warmup_epoch: 0}\nmethods:\n"
                        "  - finetune: {part: [image_encoder, text_encoder, all, image_projection, bias, "
                        "layer_norm]}\n"
                        "  - finetune: {name: several, optimizer: adamw, part: text_encoder, crops: false, "
                        "templates: ['a {}.', 'the {}']}\n"
                        "  - clip_lora: {n_iters: 3, encoder: [both, text, vision]}\n"
                        "  - clip_lora: {name: few, n_iters: 3, position: half-up, params: qv, scaling: "
                        "root, batch_size: 4}\n");
        cli_ok(cli, "run", yaml, "--threads", threads[i]);
        assert_int_equal(cli_results(cli, name, NULL).n, 22); /* with the target, which has other classes */
        if (i > 0)
            assert_same_runs(cli, "t1", name);
    }
}

/* A ResNet, whose batch norms keep their statistics. */
static void test_resnet(void **state) {
    Cli *cli = *state;
    const char *rest = GRID "optim: {max_epoch: 2, batch_size: 8, warmup_epoch: 0}\nmethods:\n"
                            "  - finetune: {part: [image_encoder, image_projection, bias, layer_norm]}\n";
    cli_ok(cli, "run", cli_experiment(cli, "one", "rn", rest), "--threads", "1");
    assert_non_null(strstr(cli->err, "a ResNet has no layer norms"));
    cli_ok(cli, "run", cli_experiment(cli, "two", "rn", rest), "--threads", "2");
    assert_same_runs(cli, "one", "two");
    const ResultList results = cli_results(cli, "one", NULL);
    for (int i = 0; i < results.n; i++) {
        TensorFile *file =
            fixture_open(cli_path(cli, "one/%s/weights.safetensors", results.results[i].folder));
        assert_null(tensors_find(file, "visual.bn1.running_mean"));
        tensors_close(file);
    }
}

/* --- classify and eval --- */

static const char *tune(Cli *cli, const char *method) {
    const char *rest = arena_printf(
        cli->arena, GRID "optim: {max_epoch: 2, batch_size: 8, warmup_epoch: 0}\nmethods: [%s]\n", method);
    const char *yaml = cli_experiment(cli, "out", "vit", rest);
    cli_ok(cli, "run", yaml);
    return yaml;
}

/* eval gives the accuracy and the logits of the run, classify the label of the largest logit; inspect takes
 * what has names of a checkpoint for no checkpoint. */
static void check_uses(Cli *cli, const char *method, const char *kind) {
    const char *yaml = tune(cli, method), *logits = cli_path(cli, "logits.safetensors");
    const ResultList results = cli_results(cli, "out", NULL);
    const Result *result = &results.results[0];
    const char *path = cli_path(cli, "out/%s/%s", result->folder, file_of(result));
    const char *expected = arena_printf(
        cli->arena, "Golden: accuracy %.2f %%, macro-F1 %.2f %% on 30 test images of 10 classes\n",
        result->accuracy, result->macro_f1);
    assert_non_null(strstr(cli->err, arena_printf(cli->arena, "its file: %s\n", path)));
    assert_non_null(strstr(cli->err, arena_printf(cli->arena, "classify %s IMAGE...", cli_path(cli, "out"))));
    cli_ok(cli, "eval", path, "--config", yaml, "--logits", logits);
    assert_string_equal(cli->out, expected);
    cli_assert_same_files(cli, logits, cli_path(cli, "out/%s/test_logits.safetensors", result->folder));
    Dataset dataset;
    const DatasetSpec spec = {
        .format = "split", .images = FIXTURES "images", .split = FIXTURES "split_zhou_Golden.json"};
    assert_int_equal(dataset_open(&dataset, &spec, cli->arena, NULL), 0);
    TensorFile *file = fixture_open(logits);
    const float *rows = fixture_floats(file, "logits", cli->arena, NULL);
    for (int i = 0; i < 30; i += 7) {
        int best = 0;
        for (int k = 1; k < K; k++)
            best = rows[i * K + k] > rows[i * K + best] ? k : best;
        const char *image = path_join(cli->arena, dataset.root, dataset.test.items[i].path);
        cli_ok(cli, "classify", path, image, "--quiet");
        const char *start = arena_printf(cli->arena, "%s  %s ", image, dataset.class_names[best]);
        assert_int_equal(strncmp(cli->out, start, strlen(start)), 0);
    }
    tensors_close(file);
    cli_ok(cli, "inspect", path);
    assert_non_null(strstr(cli->out, kind));
    cli_refuses(cli, 3, path, "where the checkpoint " FIXTURES "clip_rn.safetensors has", "classify", path,
                FIXTURES "images/shape00/0004.jpg", "--model", FIXTURES "clip_rn.safetensors");
}

static void test_uses(void **state) {
    check_uses(*state, "finetune: {}", "fine-tuned weights");
    unlink(cli_path(*state, "out/results.jsonl"));
    check_uses(*state, "finetune: {part: all}", "fine-tuned weights");
    unlink(cli_path(*state, "out/results.jsonl"));
    check_uses(*state, "clip_lora: {n_iters: 4, lr: 0.01}", "low-rank matrices");
}

/* --- going on --- */

/* Killed and stopped at random instants: the files of a run in one go. */
static void test_going_on(void **state) {
    Cli *cli = *state;
    static const char *const rest =
        GRID "optim: {max_epoch: 12, batch_size: 4}\nmethods:\n  - finetune: {part: all, optimizer: adamw}\n"
             "  - clip_lora: {n_iters: 30}\n";
    static const int signals[] = {SIGINT, SIGKILL, SIGTERM};
    const char *words[] = {"run", cli_experiment(cli, "parts", "vit", rest), NULL};
    Rng rng;
    rng_seed(&rng, (uint32_t[]){1}, 1);
    cli_ok(cli, "run", cli_experiment(cli, "whole", "vit", rest));
    const double duration = cli->seconds;
    for (int n = 0; !cli_survives(cli, words, n < 6 ? rng_uniform(&rng, 0, duration) : -1, signals[n % 3]);)
        n++;
    assert_same_runs(cli, "whole", "parts");
}

/* --- what cannot be --- */

static void test_refusals(void **state) {
    Cli *cli = *state;
    const char *yaml =
        cli_experiment(cli, "rn", "rn", GRID "methods:\n  - clip_lora: {encoder: vision, n_iters: 1}\n");
    cli_refuses(cli, 3, yaml, "encoder: vision, where a ResNet has no transformer blocks", "run", yaml);
    yaml = cli_experiment(cli, "rn2", "rn", GRID "methods:\n  - clip_lora: {n_iters: 1}\n");
    cli_ok(cli, "run", yaml);
    assert_non_null(strstr(cli->err, "the matrices are in the text encoder alone\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_same_bits), CLI_TEST(test_resnet), CLI_TEST(test_uses),
                                       CLI_TEST(test_going_on), CLI_TEST(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
