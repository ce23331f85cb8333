/* test_share_classes.c: a training whose classes several ranks share leaves the files of one process, for any
 * number of ranks, also when ranks are killed and it is begun again, and when a signal comes to any of them.
 * Skipped where coop was built without MPI (make MPI=1).
 *
 * COOP_KILLS=20 says how often; without it three times. */
#include "clip/base/files.h"
#include "clip/base/random.h"
#include "clip/math/packed.h"
#include "tests/experiments/ranks_support.h"
#include "tests/experiments/run_support.h"
#include "tests/support/cli_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

enum { CLASSES = 240, MOST_RANKS = 8 };

/* A list of so many classes that contexts which all share are the trunk of several segments: two images each,
 * all of them links to one. */
static const char *write_list(Cli *cli) {
    const char *images = cli_path(cli, "images"), *csv = cli_path(cli, "many.csv");
    assert_int_equal(make_folders(images, NULL), 0);
    FILE *file = fopen(csv, "w");
    assert_non_null(file);
    fprintf(file, "path,class,split\n");
    for (int k = 0; k < CLASSES; k++)
        for (int i = 0; i < 2; i++) {
            char from[300];
            snprintf(from, sizeof from, FIXTURES "images/shape%02d/%04d.jpg", k % 10, i);
            char *target = realpath(from, NULL);
            assert_non_null(target);
            assert_int_equal(symlink(target, cli_path(cli, "images/%03d_%d.jpg", k, i)), 0);
            free(target);
            fprintf(file, "%03d_%d.jpg,%c%c%d,%s\n", k, i, 'a' + k % 11, 'a' + k % 17, k,
                    i ? "test" : "train");
        }
    fclose(file);
    return csv;
}

static const char *write_experiment(Cli *cli, const char *name, const char *parallel, const char *rest) {
    const char *path = cli_path(cli, "%s.yaml", name);
    char *text = arena_printf(
        cli->arena,
        "output: %s\nmodel: {weights: " FIXTURES "clip_vit.safetensors, vocab: " FIXTURES
        "merges.txt.gz}\ndataset: {name: many, format: csv, images: %s, csv: %s}\n"
        "parallel: %s\n%s",
        cli_path(cli, "%s", name), cli_path(cli, "images"), cli_path(cli, "many.csv"), parallel, rest);
    scratch_file(path, text, strlen(text));
    return path;
}

static const char METHODS[] =
    "memory_budget: 16MiB\ngrid: {num_shots: [1], seed: [1]}\noutputs: {logits: true}\n"
    "optim: {max_epoch: 2, batch_size: 60}\nmethods:\n"
    "  - zeroshot: {}\n"
    "  - coop: {n_ctx: 3, csc: [false, true]}\n"
    "  - coop: {name: Middle, n_ctx: 4, class_token_position: middle}\n"
    "  - coop: {name: Front, n_ctx: 2, csc: true, class_token_position: front}\n"
    "  - kgcoop: {n_ctx: 2, max_epoch: 2}\n"
    "  - prograd: {max_epoch: 1}\n";

static void start(Cli *cli, int n, const char *yaml) {
    ranks_start(cli, n, (const char *const[]){"run", yaml, NULL});
}

/* The run of one process, moved to "whole". Returns its file. */
static const char *run_alone(Cli *cli, const char *rest) {
    write_list(cli);
    const char *yaml = write_experiment(cli, "many", "classes", rest);
    cli_ok(cli, "run", yaml);
    assert_int_equal(rename(cli_path(cli, "many"), cli_path(cli, "whole")), 0);
    return yaml;
}

static void test_numbers(void **state) {
    Cli *cli = *state;
    ranks_launcher(cli->program);
    if (!packed_is_supported())
        skip();
    const char *yaml = run_alone(cli, METHODS);
    static const int numbers[] = {1, 2, 3, 5, 8};
    for (int i = 0; i < (scratch_instrumented() ? 2 : 5); i++) {
        start(cli, numbers[i], yaml);
        if (cli_wait(cli) != 0)
            fail_msg("%d ranks:\n%s", numbers[i], cli->err);
        if (numbers[i] > 1 &&
            !strstr(cli->err,
                    arena_printf(cli->arena,
                                 "%d ranks on 1 machine share the classes of 6 trainings; rank 0 runs "
                                 "1 other point alone (parallel: as the experiment says)",
                                 numbers[i])))
            fail_msg("%s", cli->err);
        assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "many"));
        assert_int_equal(rename(cli_path(cli, "many"), cli_path(cli, "ranks%d", numbers[i])), 0);
    }
}

/* What is asked for is no part of a result: points that were run otherwise count as finished. */
static void test_identity(void **state) {
    Cli *cli = *state;
    ranks_launcher(cli->program);
    const char *rest = "grid: {num_shots: [1], seed: [1]}\noptim: {max_epoch: 1, batch_size: 60}\n"
                       "methods: [coop: {n_ctx: 2, csc: true}]\n";
    run_alone(cli, rest);
    assert_int_equal(rename(cli_path(cli, "whole"), cli_path(cli, "many")), 0);
    static const char *const ways[] = {"auto", "points", "classes"};
    for (int i = 0; i < 3; i++) {
        start(cli, 2, write_experiment(cli, "many", ways[i], rest));
        assert_int_equal(cli_wait(cli), 0);
        if (!strstr(cli->err, "1 of 1 point is already finished"))
            fail_msg("%s", cli->err);
    }
}

/* One of three ranks, or none, and nothing is damaged by that. */
static int run_killed(Cli *cli, const char *yaml, double delay, bool kills, Rng *rng) {
    start(cli, 3, yaml);
    const bool killed = ranks_kill_one(cli, 3, "run", yaml, delay, kills ? SIGKILL : 0, rng);
    if (strstr(cli->err, "damaged") || strstr(cli->err, "anew"))
        fail_msg("a kill has damaged something:\n%s", cli->err);
    return killed;
}

static void test_kills(void **state) {
    Cli *cli = *state;
    ranks_launcher(cli->program);
    if (!packed_is_supported())
        skip();
    const char *yaml = run_alone(cli, METHODS), *asked = getenv("COOP_KILLS");
    const double duration = cli->seconds + 0.5;
    const int wanted = asked ? atoi(asked) : 3;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){12}, 1);
    for (int n_killed = 0, rounds = 0; n_killed < wanted; rounds++) {
        for (int n = 0; n == 0 || cli->status != 0; n++)
            n_killed += run_killed(cli, yaml, rng_uniform(&rng, 0, duration), n_killed < wanted, &rng);
        assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "many"));
        assert_int_equal(rename(cli_path(cli, "many"), cli_path(cli, "round%d", rounds)), 0);
    }
}

/* Rank 0 saves the state, with what the others have of it, whichever rank the signal has come to; one process
 * goes on from there, to the files that it would have left alone. */
static void test_signal(void **state) {
    Cli *cli = *state;
    pid_t pids[MOST_RANKS];
    const char *rest = "grid: {num_shots: [1], seed: [1]}\noptim: {max_epoch: 150, batch_size: 60}\n"
                       "methods: [coop: {n_ctx: 3, csc: true}]\n";
    ranks_launcher(cli->program);
    if (!packed_is_supported())
        skip();
    const char *yaml = run_alone(cli, rest);
    for (int round = 0; round < 2; round++) {
        start(cli, 2, yaml);
        for (int i = 0; i < 600; i++) {
            char *found =
                arena_printf(cli->arena, "find '%s' -name log.txt | grep -q .", cli_path(cli, "many"));
            if (file_exists(cli_path(cli, "many")) && system(found) == 0)
                break;
            usleep(20000);
        }
        usleep(500000);
        const int n = ranks_find(pids, MOST_RANKS, "run", yaml);
        if (n < 2) /* it is through already */
            break;
        kill(pids[round], SIGTERM);
        if (cli_wait(cli) != 128 + SIGTERM)
            fail_msg("status %d:\n%s", cli->status, cli->err);
        assert_int_equal(system(arena_printf(cli->arena, "find '%s' -name state.safetensors | grep -q .",
                                             cli_path(cli, "many"))),
                         0);
    }
    cli_ok(cli, "run", yaml);
    assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "many"));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_numbers), CLI_TEST(test_identity), CLI_TEST(test_kills),
                                       CLI_TEST(test_signal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
