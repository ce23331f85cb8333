/* test_cli_prompts.c: the methods that start from CoOp's prompts, as a user runs them: the same bits for any
 * number of threads and after any signal, tests on classes that were never learned, a config that finds its
 * point again.
 */
#include "tests/support/cli_support.h"

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
    "optim: {max_epoch: 2, batch_size: 4, warmup_epoch: 0, lr: 0.01}\n"
enum { N_METHODS = 7, N_TRANSFERRED = 6 };

/* What a method of this test writes. */
static const char *file_of(const Result *result) {
    (void)result;
    return PROMPT_FILE;
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
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CLI_TEST(test_same_bits),     CLI_TEST(test_going_on), CLI_TEST(test_config),
        CLI_TEST(test_prograd_start), CLI_TEST(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
