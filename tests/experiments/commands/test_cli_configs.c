/* test_cli_configs.c: the shipped studies: each is read, and its smoke variant runs. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "experiments/config/study.h"
#include "experiments/methods/method.h"
#include "experiments/methods/methods.h"
#include "tests/support/scratch.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define CONFIGS "experiments/configs"

static bool is_config(const char *name) {
    size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".yaml") == 0;
}

/* Calls check for every study in CONFIGS; returns how many there are. */
static int for_each(Cli *cli, void (*check)(Cli *cli, const char *name)) {
    DIR *folder = opendir(CONFIGS);
    assert_non_null(folder);
    int n = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        if (is_config(entry->d_name)) {
            check(cli, entry->d_name);
            n++;
        }
    closedir(folder);
    return n;
}

static void read_full(Cli *cli, const char *name) {
    Study study;
    Error err = {0};
    const char *path = path_join(cli->arena, CONFIGS, name);
    if (study_read(&study, path, NULL, 0, method_list(), cli->arena, &err) < 0)
        fail_msg("%s", err.text);
    assert_true(study.n >= 1);
}

static void test_read(void **state) {
    assert_true(for_each(*state, read_full) >= 14);
}

static bool has_method(const Experiment *experiment, const MethodSpec *method) {
    for (int i = 0; i < experiment->n_methods; i++)
        if (experiment->methods[i].method == method)
            return true;
    return false;
}

/* All learners side by side: no method is left out, but for fine-tuning, which fine_tuning.yaml compares; and
 * all that may serve new classes from base to new. */
static void test_learners(void **state) {
    Cli *cli = *state;
    static const char *const names[] = {"learners.yaml", "smoke/learners.yaml", "base_to_new_learners.yaml",
                                        "smoke/base_to_new_learners.yaml"};
    for (int f = 0; f < 4; f++) {
        Study study;
        Error err = {0};
        const char *path = path_join(cli->arena, CONFIGS, names[f]);
        if (study_read(&study, path, NULL, 0, method_list(), cli->arena, &err) < 0)
            fail_msg("%s", err.text);
        for (int m = 0; m < method_list()->n; m++) {
            const MethodSpec *spec = method_list()->specs[m];
            const Method *method = (const Method *)(const void *)spec;
            bool wanted = strcmp(spec->section.name, "finetune") != 0 &&
                          (f < 2 || method->serves_new_classes || !method->transfer);
            if (has_method(&study.experiments[0], spec) != wanted)
                fail_msg("%s: %s", names[f], spec->section.name);
        }
    }
}

/* What each learner of smoke/learners.yaml determines: 25 classes, 25 images, features of width E = 64, a
 * text tower of width D = 128 with 3 blocks, an image tower that ends in 512 numbers. */
static const struct {
    const char *method;
    int parameters, of_second; /* of the second row of the method, where it has two */
} counts[] = {
    {"zeroshot", 0, 0},
    {"linear_probe", 25 * (64 + 1), 0},
    {"coop", 16 * 128, 0},
    {"cocoop", 4 * 128 + (64 + 1) * 4 + (4 + 1) * 128, 0},
    {"kgcoop", 4 * 128, 0},
    {"prograd", 16 * 128, 0},
    {"tcp", 4 * 128 + (64 + 1) * 16 + (16 + 1) * 4 * 128, 0},
    {"text_layer", 64 * 64, 64},
    {"tip_adapter", 0, 25 * 64},
    {"text_probe", 25 * 64, 0},
    {"clap", 25 * 64, 0},
    {"taskres", 25 * 64, 0},
    {"clip_adapter", 2 * 64 * 16, 0},
    {"cross_modal", 25 * 64, 0},
    {"lpp", 25 * (64 + 2), 0},
    {"ss_text", 25 * 64, 0},
    {"gda", 25 * (64 + 1), 0},
    {"prolip", 64 * 512, 0},
    {"clip_lora", 3 * 3 * 2 * 2 * 128, 0},
};

/* Every one says how long it trained and how many numbers it determined. */
static void assert_costs(Cli *cli, const char *output) {
    ResultList results = cli_results(cli, output, NULL);
    const char *before = "";
    for (int i = 0; i < results.n; i++) {
        const Result *result = &results.results[i];
        size_t c = 0;
        while (c < sizeof counts / sizeof *counts && strcmp(counts[c].method, result->method) != 0)
            c++;
        assert_true(c < sizeof counts / sizeof *counts);
        const bool second = strcmp(before, result->method) == 0;
        before = result->method;
        if (result->trained_parameters != (second ? counts[c].of_second : counts[c].parameters))
            fail_msg("%s: %.0f", result->label, result->trained_parameters);
        if (!(result->train_seconds >= 0) != (result->num_shots == SHOTS_NONE))
            fail_msg("%s: %g s", result->label, result->train_seconds);
    }
}

/* Little of each, so that all of them take seconds. Under a sanitizer others try the same code. */
static void run_smoke(Cli *cli, const char *name) {
    const char *path = arena_printf(cli->arena, CONFIGS "/smoke/%s", name);
    const char *output = arena_printf(cli->arena, "output=%s", cli_path(cli, "%s", name));
    if (scratch_instrumented() && strcmp(name, "domain_generalization.yaml") != 0)
        return;
    const char *cache = arena_printf(cli->arena, "cache=%s", cli_path(cli, "cache"));
    cli_ok(cli, "run", path, "--quiet", "--set", output, "--set", cache, "--set", "optim.max_epoch=2",
           "--set", "grid.num_shots=[1]", "--set", "grid.seed=[1]");
    assert_non_null(strstr(cli->out, "accuracy in %"));
    assert_null(strstr(cli->out, "–"));
    if (strcmp(name, "learners.yaml") == 0)
        assert_costs(cli, name);
}

static void test_smoke(void **state) {
    for_each(*state, run_smoke);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_read), CLI_TEST(test_learners), CLI_TEST(test_smoke)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
