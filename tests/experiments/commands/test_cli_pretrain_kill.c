/* test_cli_pretrain_kill.c: a pretraining that is killed again and again, at any instant, leaves the bytes of
 * one that was not.
 *
 * COOP_KILLS=300 says how often; without it ten times. */
#include "tests/support/pretrain_support.h"

#include "clip/base/random.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Starts the run until it is through, killing it at random instants, most of them times at most. Returns how
 * often it was. */
static int run_killed(Cli *cli, const char *yaml, double duration, int most, Rng *rng) {
    static const int signals[] = {SIGKILL, SIGTERM, SIGINT};
    for (int n = 0;;) {
        const char *const words[] = {"pretrain",           yaml, "--threads", n % 2 == 0 ? "1" : "2", "--set",
                                     "optim.accum_freq=2", NULL};
        const int signal = signals[rng_below(rng, 3)];
        if (cli_survives(cli, words, n < most ? rng_uniform(rng, 0, duration) : -1, signal))
            return n;
        if (strstr(cli->err, "state before"))
            fail_msg("a kill has damaged the state:\n%s", cli->err);
        n++;
    }
}

static void kill_often(Cli *cli, bool resnet) {
    const char *asked = getenv("COOP_KILLS");
    const char *yaml = pretrain_config(cli, "mine", "augment: {scale: [0.5, 1.0]}\n");
    if (resnet)
        pretrain_write_resnet(cli);
    const char *whole = cli_path(cli, "whole"), *mine = cli_path(cli, "mine");
    const int n_kills = asked ? atoi(asked) : 10;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){11}, 1);
    cli_ok(cli, "pretrain", yaml, "--set", "optim.accum_freq=2");
    const double duration = cli->seconds;
    assert_int_equal(rename(mine, whole), 0);
    int n = 0, rounds = 0;
    for (; n < n_kills; rounds++) {
        const int left = n_kills - n;
        n += run_killed(cli, yaml, duration, left < 12 ? left : 12, &rng);
        pretrain_assert_same(cli, whole, mine, 3);
        assert_int_equal(rename(mine, cli_path(cli, "round%d", rounds)), 0);
    }
    if (asked)
        print_message("%d kills in %d runs\n", n, rounds);
}

static void test_kills(void **state) {
    kill_often(*state, false);
}

/* Whose batch norms move their statistics in forward passes. */
static void test_kills_of_a_resnet(void **state) {
    kill_often(*state, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_kills), CLI_TEST(test_kills_of_a_resnet)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
