/* test_cli_kill.c: a run that is killed again and again, at any instant, leaves the files of one that was
 * not: every kind of method, two points side by side, a target that takes what was learned.
 *
 * COOP_KILLS=300 says how often; without it ten times. */
#include "tests/experiments/run_support.h"
#include "tests/support/cli_support.h"

#include "clip/base/random.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN "images: " FIXTURES "images, split: " FIXTURES "split_zhou_Golden.json"

static const char *write_experiment(Cli *cli) {
    return cli_experiment(
        cli, "five", "vit",
        arena_printf(cli->arena,
                     "transfer: [{name: again, format: split, " GOLDEN "}]\nmemory_budget: 64MiB\n"
                     "grid: {num_shots: [2], seed: 1}\noutputs: {logits: true}\n"
                     "optim: {max_epoch: %d, batch_size: 5}\naugment: {views: 2}\nmethods:\n"
                     "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: 4, csc: true}\n"
                     "  - text_layer: {}\n  - tip_adapter: {train: true, max_epoch: 20}\n",
                     scratch_instrumented() ? 2 : 10));
}

/* Starts the run until it is through, killing it at random instants of its duration, most of them times at
 * most. Returns how often it was. */
static int run_killed(Cli *cli, const char *yaml, double duration, int most, Rng *rng) {
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT};
    const char *words[] = {"run", yaml, "--jobs", "2", NULL};
    for (int n = 0;;) {
        const int signal = signals[rng_below(rng, 3)];
        if (cli_survives(cli, words, n < most ? rng_uniform(rng, 0, duration) : -1, signal))
            return n;
        if (strstr(cli->err, "damaged") || strstr(cli->err, "missing") || strstr(cli->err, "anew"))
            fail_msg("a kill has damaged something:\n%s", cli->err);
        n++;
    }
}

static void test_kills(void **state) {
    Cli *cli = *state;
    const char *asked = getenv("COOP_KILLS"), *yaml = write_experiment(cli);
    const char *whole = cli_path(cli, "whole"), *five = cli_path(cli, "five");
    const int n_kills = asked ? atoi(asked) : 10;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){7}, 1);
    cli_ok(cli, "run", yaml, "--jobs", "1");
    const double duration = cli->seconds;
    assert_int_equal(rename(five, whole), 0);
    int n = 0, rounds = 0;
    for (; n < n_kills; rounds++) {
        const int left = n_kills - n;
        n += run_killed(cli, yaml, duration, left < 12 ? left : 12, &rng);
        size_t mark = arena_mark(cli->arena);
        assert_same_runs(cli, whole, five);
        arena_reset(cli->arena, mark);
        assert_int_equal(rename(five, cli_path(cli, "round%d", rounds)), 0);
    }
    if (asked)
        print_message("%d kills in %d runs\n", n, rounds);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_kills)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
