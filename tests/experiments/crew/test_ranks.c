/* test_ranks.c: experiments/crew: a run that several ranks share leaves the files of one that does not, also
 * when ranks are killed and it is begun again. Skipped where coop was built without MPI (make MPI=1).
 *
 * COOP_KILLS=20 says how often; without it three times. */
#include "clip/base/files.h"
#include "clip/base/random.h"
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
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "images: " FIXTURES "images, split: " FIXTURES "split_zhou_Golden.json"

enum { MOST_RANKS = 8 };

static void start(Cli *cli, int n, const char *yaml) {
    ranks_start(cli, n, (const char *const[]){"run", yaml, NULL});
}

static const char *write_experiment(Cli *cli) {
    return cli_experiment(
        cli, "five", "vit",
        arena_printf(cli->arena,
                     "transfer: [{name: again, format: split, " GOLDEN "}]\nmemory_budget: 64MiB\n"
                     "grid: {num_shots: [2], seed: [1, 2]}\noutputs: {logits: true}\n"
                     "optim: {max_epoch: %d, batch_size: 5}\naugment: {views: 2}\nmethods:\n"
                     "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: 4, csc: true}\n"
                     "  - text_layer: {}\n  - tip_adapter: {train: true, max_epoch: 20}\n",
                     scratch_instrumented() ? 2 : 10));
}

/* The run of one process, moved to "whole". Returns its file. */
static const char *run_alone(Cli *cli) {
    const char *yaml = write_experiment(cli);
    cli_ok(cli, "run", yaml);
    assert_int_equal(rename(cli_path(cli, "five"), cli_path(cli, "whole")), 0);
    return yaml;
}

/* --- tests --- */

static void test_numbers(void **state) {
    Cli *cli = *state;
    ranks_launcher(cli->program);
    const char *yaml = run_alone(cli);
    static const int numbers[] = {1, 2, 3, 5, 8};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        start(cli, numbers[i], yaml);
        if (cli_wait(cli) != 0)
            fail_msg("%d ranks:\n%s", numbers[i], cli->err);
        if (numbers[i] > 1)
            assert_non_null(
                strstr(cli->err, arena_printf(cli->arena, "%d ranks on 1 machine share ", numbers[i])));
        assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "five"));
        assert_int_equal(rename(cli_path(cli, "five"), cli_path(cli, "ranks%d", numbers[i])), 0);
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

/* The launcher ends the others, and the same command goes on. */
static void test_kills(void **state) {
    Cli *cli = *state;
    ranks_launcher(cli->program);
    const char *yaml = run_alone(cli), *asked = getenv("COOP_KILLS");
    const double duration = cli->seconds + 0.5;
    const int wanted = asked ? atoi(asked) : 3;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){11}, 1);
    for (int n_killed = 0, rounds = 0; n_killed < wanted; rounds++) {
        for (int n = 0; n == 0 || cli->status != 0; n++)
            n_killed += run_killed(cli, yaml, rng_uniform(&rng, 0, duration), n_killed < wanted, &rng);
        assert_same_runs(cli, cli_path(cli, "whole"), cli_path(cli, "five"));
        assert_int_equal(rename(cli_path(cli, "five"), cli_path(cli, "round%d", rounds)), 0);
    }
}

static int count_files(const char *folder, const char *file) {
    char command[4200];
    int n = 0;
    snprintf(command, sizeof command, "find '%s' -name '%s' 2>/dev/null | wc -l", folder, file);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%d", &n), 1);
    pclose(pipe);
    return n;
}

/* What stops one rank stops all: it sends what it has, and the same command goes on from there. */
static void test_signal(void **state) {
    Cli *cli = *state;
    pid_t pids[MOST_RANKS];
    ranks_launcher(cli->program);
    const char *yaml = cli_experiment(cli, "long", "vit",
                                      "grid: {num_shots: [1], seed: [1, 2]}\n"
                                      "optim: {batch_size: 8, max_epoch: 100000}\n"
                                      "methods: [coop: {n_ctx: 2}]\n");
    const char *scratch = cli_path(cli, "."), *tmp = cli_path(cli, "tmp");
    assert_int_equal(make_folders(tmp, NULL), 0);
    setenv("TMPDIR", tmp, 1);
    for (int round = 0; round < 2; round++) {
        start(cli, 2, yaml);
        for (int i = 0; i < 600 && count_files(scratch, "log.txt") < 2 + round; i++) /* both are training */
            usleep(100000);
        assert_int_equal(ranks_find(pids, MOST_RANKS, "run", yaml), 2);
        kill(pids[round], SIGTERM);
        if (cli_wait(cli) != 128 + SIGTERM) /* the launcher's own talk may be in the middle of the message */
            fail_msg("status %d:\n%s", cli->status, cli->err);
        assert_int_equal(count_files(cli_path(cli, "long"), "state.safetensors"), 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_numbers), CLI_TEST(test_kills), CLI_TEST(test_signal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
