/* test_pretrain_ranks.c: a pretraining whose steps several ranks share leaves the bytes of one process, also
 * when ranks are killed and others go on. Skipped where coop was built without MPI (make MPI=1).
 *
 * COOP_KILLS=20 says how often; without it three times. */
#include "clip/base/random.h"
#include "tests/experiments/ranks_support.h"
#include "tests/support/pretrain_support.h"
#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

enum { MOST_RANKS = 8, N_STEPS = 6 };

/* Two steps an epoch, of eight parts of three pairs. */
#define PARTS                                                                                                \
    "optim={lr: 1.0e-3, warmup: 4, epochs: 3, batch_size: 3, accum_freq: 8, parts: 8, grad_clip_norm: 0.5}"

static const char *write_config(Cli *cli) {
    return pretrain_config(cli, "mine", "augment: {scale: [0.5, 1.0]}\n");
}

static void start(Cli *cli, int n, const char *yaml) {
    ranks_start(cli, n, (const char *const[]){"pretrain", yaml, "--set", PARTS, NULL});
}

static void run(Cli *cli, int n, const char *yaml) {
    start(cli, n, yaml);
    if (cli_wait(cli) != 0)
        fail_msg("%d ranks: status %d\n%s", n, cli->status, cli->err);
}

/* The run of one process, moved to "whole". */
static const char *run_alone(Cli *cli, const char *yaml) {
    const char *whole = cli_path(cli, "whole");
    ranks_launcher(cli->program);
    cli_ok(cli, "pretrain", yaml, "--set", PARTS, "--threads", "2");
    assert_int_equal(rename(cli_path(cli, "mine"), whole), 0);
    return whole;
}

static void compare(Cli *cli, const char *whole, const char *kept) {
    pretrain_assert_same(cli, whole, cli_path(cli, "mine"), 3);
    assert_int_equal(rename(cli_path(cli, "mine"), cli_path(cli, "%s", kept)), 0);
}

static double number_behind(const char *text, const char *words) {
    const char *at = text ? strstr(text, words) : NULL;
    if (!at)
        fail_msg("no '%s' in:\n%s", words, text);
    return strtod(at + strlen(words), NULL);
}

/* What was sent is what the plan says. */
static void check_bytes(Cli *cli, int n, const char *yaml) {
    const double sent = number_behind(cli->err, "ranks have sent each other ");
    ranks_start(cli, n, (const char *const[]){"pretrain", yaml, "--set", PARTS, "--dry-run", NULL});
    assert_int_equal(cli_wait(cli), 0);
    const double planned = number_behind(cli->out, "which send each other ");
    if (sent != N_STEPS * planned)
        fail_msg("%d ranks sent %.0f bytes in %d steps, and were to send %.0f in one", n, sent, N_STEPS,
                 planned);
}

static void test_numbers(void **state) {
    Cli *cli = *state;
    const char *yaml = write_config(cli), *whole = run_alone(cli, yaml);
    static const int numbers[] = {1, 2, 3, 5, 8};
    for (int i = 0; i < 5; i++) {
        run(cli, numbers[i], yaml);
        if (numbers[i] > 1)
            check_bytes(cli, numbers[i], yaml);
        compare(cli, whole, arena_printf(cli->arena, "ranks%d", numbers[i]));
    }
}

/* Whose running statistics follow from all batches. */
static void test_a_resnet(void **state) {
    Cli *cli = *state;
    const char *yaml = write_config(cli);
    pretrain_write_resnet(cli);
    const char *whole = run_alone(cli, yaml);
    run(cli, 3, yaml);
    check_bytes(cli, 3, yaml);
    compare(cli, whole, "ranks3");
}

/* Every part fills its own gaps, and rank 0 names what others could not read. */
static void test_broken_pairs(void **state) {
    Cli *cli = *state;
    size_t size;
    const char *yaml = write_config(cli);
    char *pairs = cli_read(cli, cli_path(cli, "pairs.tsv"), &size);
    for (int i = 2; i <= 8; i += 2) {
        char *at = strstr(pairs, arena_printf(cli->arena, "key/train_%03d.jpg", i));
        assert_non_null(at);
        memcpy(at, "not", 3);
    }
    scratch_file(cli_path(cli, "pairs.tsv"), pairs, size);
    const char *whole = run_alone(cli, yaml);
    run(cli, 3, yaml);
    for (int i = 2; i <= 8; i += 2)
        assert_non_null(strstr(cli->err, arena_printf(cli->arena, "not/train_%03d.jpg", i)));
    compare(cli, whole, "ranks3");
}

/* A rank of whose part nothing can be read says so through rank 0, and all stop. */
static void test_a_part_that_fails(void **state) {
    Cli *cli = *state;
    const char *yaml = write_config(cli);
    size_t size;
    char *at = cli_read(cli, cli_path(cli, "pairs.tsv"), &size);
    const char *const pairs = at;
    for (int i = -1; i < PRETRAIN_PAIRS; i++, at = strchr(at, '\n') + 1)
        if (i >= 0 && i % 24 / 3 == 4) /* which is of rank 1 of three */
            memcpy(at, "not", 3);
    scratch_file(cli_path(cli, "pairs.tsv"), pairs, size);
    ranks_start(cli, 3,
                (const char *const[]){"pretrain", yaml, "--set", PARTS, "--set", "shuffle=false", NULL});
    assert_int_equal(cli_wait(cli), 3);
    assert_true(cli->seconds < 10 || scratch_instrumented());
    if (!strstr(cli->err, "rank 1 on ") ||
        !strstr(cli->err, "data.train: of 6 pairs fewer than a batch of 3 can be read"))
        fail_msg("%s", cli->err);
}

/* Parts round otherwise than one sum, and that is all. */
static void test_parts_are_one_batch(void **state) {
    Cli *cli = *state;
    size_t size;
    double loss[2];
    const char *yaml = write_config(cli);
    for (int i = 0; i < 2; i++) {
        cli_ok(cli, "pretrain", yaml, "--set", PARTS, "--set", i ? "optim.parts=1" : "optim.parts=4");
        const char *lines = cli_read(cli, cli_path(cli, "mine/metrics.jsonl"), &size);
        loss[i] = number_behind(strstr(lines, "\"step\": 6"), "\"loss\": ");
        assert_int_equal(rename(cli_path(cli, "mine"), cli_path(cli, "parts%d", i)), 0);
    }
    assert_true(loss[0] > 1 && fabs(loss[0] / loss[1] - 1) < 1e-5);
}

static void test_refusals(void **state) {
    Cli *cli = *state;
    const char *yaml = write_config(cli);
    cli_refuses(cli, 2, "coop pretrain: ", "optim.parts: 3, of which accum_freq (8) is no multiple",
                "pretrain", yaml, "--set", PARTS, "--set", "optim.parts=3");
    cli_ok(cli, "pretrain", yaml, "--set", PARTS, "--set", "optim.epochs=3");
    cli_refuses(cli, 3, cli_path(cli, "mine/state.safetensors"), "optim.parts: it was '8' and is '4' now",
                "pretrain", yaml, "--set", PARTS, "--set", "optim.parts=4", "--quiet");
    ranks_launcher(cli->program);
    ranks_start(cli, 2, (const char *const[]){"pretrain", yaml, NULL});
    assert_int_equal(cli_wait(cli), 3);
    assert_non_null(strstr(cli->err, "2 ranks, and a step has 1 part that they can share"));
}

/* A rank that finds something else to train on says what, and nobody waits for it. */
static void test_another_configuration(void **state) {
    Cli *cli = *state;
    char coop[sizeof cli->program];
    const char *yaml = write_config(cli), *name = ranks_launcher(cli->program);
    snprintf(coop, sizeof coop, "%s", cli->program);
    const char *line = arena_printf(cli->arena,
                                    "exec %s -n 3 sh -c 'exec \"%s\" pretrain \"%s\" --set \"" PARTS
                                    "\" --set seed=$((${OMPI_COMM_WORLD_RANK:-$PMI_RANK} / 2))'",
                                    name, coop, yaml);
    snprintf(cli->program, sizeof cli->program, "/bin/sh");
    cli_start(cli, (const char *const[]){"-c", line, NULL});
    assert_int_not_equal(cli_wait(cli), 0);
    assert_true(cli->seconds < 10 || scratch_instrumented());
    if (!strstr(cli->err, "rank 2 on ") || !strstr(cli->err, "seed: rank 0 finds something else"))
        fail_msg("%s", cli->err);
}

/* One of the ranks, or none, and the state is not damaged by that. */
static int run_killed(Cli *cli, int n_ranks, const char *yaml, double delay, int signal, Rng *rng) {
    start(cli, n_ranks, yaml);
    const bool killed = ranks_kill_one(cli, n_ranks, "pretrain", yaml, delay, signal, rng);
    if (strstr(cli->err, "state before"))
        fail_msg("a kill has damaged the state:\n%s", cli->err);
    return killed;
}

/* The launcher ends the others, and the same command goes on, with any number of ranks. */
static void test_kills(void **state) {
    Cli *cli = *state;
    const char *yaml = write_config(cli), *whole = run_alone(cli, yaml), *asked = getenv("COOP_KILLS");
    const int wanted = asked ? atoi(asked) : 3;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){11}, 1);
    run(cli, 3, yaml);
    const double duration = cli->seconds;
    compare(cli, whole, "ranks3");
    for (int n_killed = 0, rounds = 0; n_killed < wanted; rounds++) {
        for (int n = 0; n == 0 || cli->status != 0; n++)
            n_killed += run_killed(cli, 2 + (n + rounds) % 4, yaml, rng_uniform(&rng, 0, duration),
                                   n_killed >= wanted ? 0
                                   : n % 3 == 2       ? SIGTERM
                                                      : SIGKILL,
                                   &rng);
        compare(cli, whole, arena_printf(cli->arena, "round%d", rounds));
    }
}

/* What stops one rank stops all, with the state saved. */
static void test_signal(void **state) {
    Cli *cli = *state;
    pid_t pids[MOST_RANKS];
    const char *yaml = write_config(cli);
    for (int round = 0; round < 2; round++) {
        ranks_start(cli, 3,
                    (const char *const[]){"pretrain", yaml, "--set", PARTS, "--set", "optim.epochs=100000",
                                          "--set", "val_frequency=0", NULL});
        for (int i = 0; i < 600 && ranks_find(pids, MOST_RANKS, "pretrain", yaml) < 3; i++)
            usleep(10000);
        sleep(1);
        assert_int_equal(ranks_find(pids, MOST_RANKS, "pretrain", yaml), 3);
        kill(pids[2 * round], SIGTERM);
        if (cli_wait(cli) != 128 + SIGTERM) /* the launcher's own talk may be in the middle of the message */
            fail_msg("status %d:\n%s", cli->status, cli->err);
        assert_true(cli_exists(cli_path(cli, "mine/state.safetensors")));
        assert_non_null(strstr(cli->err, "start the same command again to go on"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_numbers),
                                       CLI_TEST(test_a_resnet),
                                       CLI_TEST(test_broken_pairs),
                                       CLI_TEST(test_a_part_that_fails),
                                       CLI_TEST(test_parts_are_one_batch),
                                       CLI_TEST(test_refusals),
                                       CLI_TEST(test_another_configuration),
                                       CLI_TEST(test_kills),
                                       CLI_TEST(test_signal)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
