/* test_cli_heads.c: the learners on cached features as a user runs them: the same bits for every number of
 * threads and after an interruption, and what they learned on another set of the same images.
 */
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "images: " FIXTURES "images, split: " FIXTURES "split_zhou_Golden.json"
#define METHODS                                                                                              \
    "  - text_probe: {views: 2, max_epoch: 20}\n  - text_probe: {recipe: plain, views: 0, max_epoch: 9}\n"   \
    "  - clap: {views: 2, max_epoch: 20}\n  - taskres: {residual_scale: [auto, 1], max_epoch: 9}\n"          \
    "  - ss_text: {}\n  - ss_text: {balanced_importance: false, repel: true}\n"                              \
    "  - ss_text: {text_lambda: adaptive_perf}\n  - gda: {views: 2}\n  - gda: {views: 0, alpha: 2}\n"        \
    "  - lpp: {max_epoch: 30}\n  - lpp: {recipe: plain, validation: none, views: 0, max_epoch: 30}\n"        \
    "  - prolip: {max_epoch: 9, lr: 1.0e-4}\n  - prolip: {recipe: plain, lambda_v: 2, max_epoch: 9}\n"       \
    "  - prolip: {search: true, max_epoch: 9}\n"                                                             \
    "  - clip_adapter: {max_epoch: 9}\n  - cross_modal: {max_iter: 250}\n"                                   \
    "  - cross_modal: {search: false, validation: none, max_iter: 250, wiseft_ratio: 0.5,\n"                 \
    "                  templates: ['a {}.', '{}']}\n"
enum { N_POINTS = 18 };

static const char *experiment(Cli *cli, const char *name, const char *kind) {
    return cli_experiment(cli, name, kind,
                          "transfer: [{name: again, format: split, " GOLDEN "}]\noutputs: {logits: true}\n"
                          "grid: {num_shots: 2, seed: 1}\naugment: {views: 2}\nmethods:\n" METHODS);
}

static void assert_same_logits(Cli *cli, const char *a, const char *b) {
    ResultList results = cli_results(cli, a, NULL), others = cli_results(cli, b, NULL);
    assert_int_equal(results.n, 2 * N_POINTS);
    assert_int_equal(others.n, 2 * N_POINTS);
    for (int i = 0; i < results.n; i++) {
        const char *folder = results.results[i].folder;
        assert_non_null(results_find(&others, results.results[i].key));
        cli_assert_same_files(cli, cli_path(cli, "%s/%s/test_logits.safetensors", a, folder),
                              cli_path(cli, "%s/%s/test_logits.safetensors", b, folder));
    }
}

static void test_same_bits(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run", experiment(cli, "one", "vit"), "--threads", "1");
    const double duration = cli->seconds;
    cli_ok(cli, "run", experiment(cli, "three", "vit"), "--threads", "3");
    assert_same_logits(cli, "one", "three");
    const char *words[] = {"run", experiment(cli, "killed", "vit"), NULL};
    for (int n = 1; n < 6; n++)
        cli_survives(cli, words, duration * n / 6, n % 2 ? SIGKILL : SIGTERM);
    cli_ok(cli, "run", words[1]);
    assert_same_logits(cli, "one", "killed");
}

/* Which validation images a result was searched on: those of the key, or none where it has none to search. */
static void test_validation(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run",
           cli_experiment(cli, "val", "vit",
                          "grid: {num_shots: 2, seed: 1}\nmethods:\n  - gda: {views: 0}\n"
                          "  - gda: {name: given, views: 0, alpha: 2}\n  - taskres: {max_epoch: 2}\n"
                          "  - lpp: {max_epoch: 3, validation: [min4, as_train, none]}\n"
                          "  - prolip: {max_epoch: 3, search: [true, false]}\n"));
    static const char *const labels[] = {"GDA views=0",
                                         "given",
                                         "TaskRes max_epoch=2",
                                         "LP++ max_epoch=3 validation=min4",
                                         "LP++ max_epoch=3 validation=as_train",
                                         "LP++ max_epoch=3 validation=none",
                                         "ProLIP search=true lr=1e-05 max_epoch=3",
                                         "ProLIP search=false lr=1e-05 max_epoch=3"},
                             *const expected[] = {"all",      "none", NULL,       "min4",
                                                  "as_train", "none", "as_train", "none"};
    ResultList results = cli_results(cli, "val", NULL);
    assert_int_equal(results.n, 8);
    for (int i = 0; i < 8; i++) {
        const ResultSetting *setting = result_setting(&results.results[i], "validation");
        assert_string_equal(results.results[i].label, labels[i]);
        if (expected[i])
            assert_string_equal(setting->text, expected[i]);
        else
            assert_null(setting);
    }
}

/* The same images under another name: the same logits, from what was kept. */
static void test_transfer(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run", experiment(cli, "rn", "rn"));
    ResultList results = cli_results(cli, "rn", NULL);
    int n = 0;
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        if (!result->source)
            continue;
        const char *folder = result->folder, *end = strstr(folder, "/on_again");
        assert_non_null(end);
        const char *own = arena_printf(cli->arena, "%.*s", (int)(end - folder), folder);
        cli_assert_same_files(cli, cli_path(cli, "rn/%s/predictions.csv", own),
                              cli_path(cli, "rn/%s/predictions.csv", folder));
        n++;
    }
    assert_int_equal(n, N_POINTS);
}

static const float *logits_of(Cli *cli, const char *path, size_t *n) {
    TensorFile *file = fixture_open(path);
    const float *logits = fixture_floats(file, "logits", cli->arena, n);
    float *copy = arena_floats(cli->arena, *n, 1);
    memcpy(copy, logits, *n * sizeof *copy);
    tensors_close(file);
    return copy;
}

static const float *test_logits(Cli *cli, const char *run, const Result *result, size_t *n) {
    return logits_of(cli, cli_path(cli, "%s/%s/test_logits.safetensors", run, result->folder), n);
}

/* Base classes as the authors' program for new classes has them, or as the other has; new ones depend on
 * images and texts alone. */
static void test_gda_new_classes(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "run",
           cli_experiment(cli, "gda", "vit",
                          "transfer: [{subsample_classes: new}]\noutputs: {logits: true}\n"
                          "grid: {num_shots: 2, seed: 1}\nmethods:\n"
                          "  - gda: {views: 3, alpha: 2, recipe: [paper, plain]}\n  - ss_text: {}\n"),
           "--set", "dataset.subsample_classes=base");
    ResultList results = cli_results(cli, "gda", NULL);
    assert_int_equal(results.n, 5); /* of ss_text the base classes alone */
    const float *base[2], *new[2];
    size_t n_base = 0, n_new = 0;
    for (int i = 0, b = 0, w = 0; i < results.n; i++)
        if (strncmp(results.results[i].label, "GDA", 3) == 0) {
            const bool is_new = results.results[i].source;
            const float *logits = test_logits(cli, "gda", &results.results[i], is_new ? &n_new : &n_base);
            *(is_new ? &new[w++] : &base[b++]) = logits;
        }
    assert_memory_not_equal(base[0], base[1], n_base * sizeof(float));
    assert_true(n_new > 0);
    assert_memory_equal(new[0], new[1], n_new * sizeof(float));
}

/* One image has no covariance, two crops of it have, and the other recipe needs none. */
static void test_gda_one_image(void **state) {
    Cli *cli = *state;
    static const char *const options[] = {"views: 0", "views: 2", "views: 0, recipe: plain"};
    for (int i = 0; i < 3; i++) {
        const char *name = arena_printf(cli->arena, "one%d", i);
        const char *yaml = cli_experiment(
            cli, name, "vit",
            arena_printf(cli->arena, "grid: {num_shots: 1, seed: 1}\nmethods:\n  - gda: {%s}\n", options[i]));
        if (i == 0)
            cli_refuses(cli, 3, cli_path(cli, "one0.yaml: GDA views=0: "),
                        "has one training image, hence no covariance (views: 2 makes two)", "run", yaml,
                        "--quiet", "--set", "dataset.subsample_classes=base");
        else
            cli_ok(cli, "run", yaml, "--set", "dataset.subsample_classes=base");
    }
}

/* What each point has left labels the same images alike. */
static void test_learned_files(void **state) {
    Cli *cli = *state;
    static const char *const kinds[] = {"vit", "rn"};
    for (int k = 0; k < 2; k++) {
        const char *yaml = experiment(cli, kinds[k], kinds[k]);
        cli_ok(cli, "run", yaml);
        ResultList results = cli_results(cli, kinds[k], NULL);
        for (int i = 0; i < results.n; i++) {
            if (results.results[i].source)
                continue;
            const char *folder = cli_path(cli, "%s/%s", kinds[k], results.results[i].folder);
            const char *file = arena_printf(cli->arena, "%s/classifier.safetensors", folder);
            if (!cli_exists(file))
                file = arena_printf(cli->arena, "%s/weights.safetensors", folder);
            const char *again = cli_path(cli, "again.safetensors");
            size_t n, m;
            cli_ok(cli, "eval", file, "--config", yaml, "--logits", again);
            const float *got = logits_of(cli, again, &n);
            const float *want =
                logits_of(cli, arena_printf(cli->arena, "%s/test_logits.safetensors", folder), &m);
            assert_int_equal(n, m);
            assert_close(results.results[i].label, got, want, n, 1e-5);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_same_bits),     CLI_TEST(test_validation),
                                       CLI_TEST(test_transfer),      CLI_TEST(test_gda_new_classes),
                                       CLI_TEST(test_gda_one_image), CLI_TEST(test_learned_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
