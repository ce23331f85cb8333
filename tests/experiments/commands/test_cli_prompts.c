/* test_cli_prompts.c: the methods that start from CoOp's prompts, as a user runs them: the same bits for any
 * number of threads and after any signal, tests on classes that were never learned, a config that finds its
 * point again.
 */
#include "tests/support/cli_support.h"

#include "coop/classifier_file.h"
#include "coop/prompt_file.h"
#include "experiments/results/predictions.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GRID "grid: {num_shots: 2, seed: 1}\noutputs: {logits: true, report: false}\n"
#define NEW                                                                                                  \
    "transfer: [{name: oxford_pets, format: split, images: " FIXTURES "images, split: " FIXTURES             \
    "split_zhou_Golden.json, subsample_classes: new}]\n"
#define METHODS                                                                                              \
    "methods:\n"                                                                                             \
    "  - kgcoop: {max_epoch: 3}\n"                                                                           \
    "  - kgcoop: {name: own kgcoop, recipe: plain, ctx_init: '', n_ctx: 3, w: 2, csc: [false, true]}\n"      \
    "  - prograd: {max_epoch: 3, class_token_position: [end, middle, front]}\n"                              \
    "  - prograd: {name: own prograd, recipe: plain, ctx_init: '', n_ctx: 5, lambda: 0.5, temperature: 2}\n" \
    "  - tcp: {max_epoch: 3, layer: [1, 2]}\n"                                                               \
    "  - tcp: {name: own tcp, recipe: plain, layer: 2, ctx_init: 'a photo', around: '{} there', optimizer: " \
    "sgd, "                                                                                                  \
    "class_token_position: [middle, front]}\n"                                                               \
    "  - cocoop: {max_epoch: 2}\n"                                                                           \
    "  - cocoop: {name: own cocoop, recipe: plain, n_ctx: 3, ctx_init: '', class_token_position: [middle, "  \
    "front]}\n"                                                                                              \
    "optim: {max_epoch: 2, batch_size: 4, warmup_epoch: 0, lr: 0.01}\n"
enum { N_METHODS = 14, N_TRANSFERRED = 13 };

/* The file of what the point has learned; NULL: classes of a target. */
static const char *learned_file(const Result *result) {
    if (strstr(result->folder, "/on_"))
        return NULL;
    const bool has_prompt = strcmp(result->method, "tcp") != 0 && strcmp(result->method, "cocoop") != 0;
    return has_prompt ? PROMPT_FILE : CLASSIFIER_FILE;
}

static void assert_same_runs(Cli *cli, const char *a, const char *b) {
    ResultList results = cli_results(cli, a, NULL), others = cli_results(cli, b, NULL);
    assert_int_equal(results.n, others.n);
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        const char *names[] = {"test_logits.safetensors", PREDICTIONS_FILE, learned_file(result)};
        for (int k = 0; k < 3 && names[k]; k++)
            cli_assert_same_files(cli, cli_path(cli, "%s/%s/%s", a, result->folder, names[k]),
                                  cli_path(cli, "%s/%s/%s", b, result->folder, names[k]));
    }
}

static void test_same_bits(void **state) {
    Cli *cli = *state;
    static const char *const threads[] = {"1", "3"};
    for (int i = 0; i < 2; i++) {
        const char *name = arena_printf(cli->arena, "t%s", threads[i]);
        cli_ok(cli, "run", cli_experiment(cli, name, "vit", NEW GRID METHODS), "--threads", threads[i],
               "--set", "dataset.subsample_classes=base");
        assert_int_equal(cli_results(cli, name, NULL).n, N_METHODS + N_TRANSFERRED);
    }
    assert_same_runs(cli, "t1", "t3");
}

static void test_going_on(void **state) {
    Cli *cli = *state;
    static const int signals[] = {SIGINT, SIGKILL, SIGTERM};
    const char *words[] = {"run", cli_experiment(cli, "parts", "vit", GRID METHODS), NULL};
    Rng rng;
    rng_seed(&rng, (uint32_t[]){1}, 1);
    cli_ok(cli, "run", cli_experiment(cli, "whole", "vit", GRID METHODS));
    const double duration = cli->seconds;
    for (int n = 0; !cli_survives(cli, words, n < 9 ? rng_uniform(&rng, 0, duration) : -1, signals[n % 3]);)
        n++;
    assert_same_runs(cli, "whole", "parts");
}

/* The recipe stands in the config of a point, so that running it finds the result. */
static void test_config(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run", cli_experiment(cli, "out", "vit", GRID METHODS));
    const ResultList results = cli_results(cli, "out", NULL);
    for (int i = 0; i < results.n; i++) {
        const char *config = cli_path(cli, "out/%s/config.yaml", results.results[i].folder);
        cli_ok(cli, "run", config);
        assert_int_equal(cli_results(cli, "out", NULL).n, results.n);
    }
}

/* eval repeats the logits of the run from what was learned. */
static void test_eval(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", GRID METHODS), *logits = cli_path(cli, "logits.st");
    cli_ok(cli, "run", yaml);
    const ResultList results = cli_results(cli, "out", NULL);
    int n = 0;
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        if (!learned_file(result))
            continue;
        cli_ok(cli, "eval", cli_path(cli, "out/%s/%s", result->folder, learned_file(result)), "--config",
               yaml, "--logits", logits);
        TensorFile *ours = fixture_open(logits),
                   *run = fixture_open(cli_path(cli, "out/%s/test_logits.safetensors", result->folder));
        assert_close(result->label, fixture_floats(ours, "logits", cli->arena, NULL),
                     fixture_floats(run, "logits", cli->arena, NULL), 300, 1e-5);
        tensors_close(ours);
        tensors_close(run);
        n++;
        cli_ok(cli, "classify", cli_path(cli, "out/%s/%s", result->folder, learned_file(result)),
               FIXTURES "images/shape00/0004.jpg", "--quiet");
    }
    assert_int_equal(n, N_METHODS);
}

/* The words of ProGrad's template for a known dataset, and those that stay before its names. */
static void test_prograd_start(void **state) {
    Cli *cli = *state;
    const char *rest = GRID "methods: [prograd: {max_epoch: 1, templates: 'a ring, a photo of a {}.'}]\n";
    cli_ok(cli, "run", cli_experiment(cli, "out", "vit", rest));
    Prompt prompt;
    Error err = {0};
    const char *path =
        cli_point_file(cli, "out", cli_results(cli, "out", NULL).results[0].label, 1, PROMPT_FILE);
    assert_int_equal(prompt_read(&prompt, path, cli->arena, &err), 0);
    assert_int_equal(prompt.n_ctx, 16);
    assert_non_null(prompt.around);
    assert_string_not_equal(prompt.around, "{}.");
}

static void test_refusals(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "a", "vit", GRID "methods: [prograd: {ctx_init: a photo of}]\n");
    cli_refuses(cli, 3, yaml, "neither template nor", "run", yaml);
    yaml = cli_experiment(cli, "b", "vit", GRID "methods: [prograd: {n_ctx: 2}]\n");
    cli_refuses(cli, 3, yaml, "4 vectors where n_ctx is 2", "run", yaml);
    yaml = cli_experiment(cli, "c", "vit", GRID "methods: [prograd: {templates: '{} texture.'}]\n");
    cli_refuses(cli, 3, yaml, "has no words before {}", "run", yaml);
    yaml = cli_experiment(cli, "d", "vit", GRID "methods: [tcp: {}]\n");
    cli_refuses(cli, 3, yaml, "layer: 8 where the text tower has blocks 0 to 2", "run", yaml);
    yaml = cli_experiment(cli, "e", "vit", GRID "methods: [tcp: {layer: 1, around: a}]\n");
    cli_refuses(cli, 3, yaml, "tcp.around: 'a' has no {}", "run", yaml);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_same_bits), CLI_TEST(test_going_on),      CLI_TEST(test_config),
        CLI_TEST(test_eval),      CLI_TEST(test_prograd_start), CLI_TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
