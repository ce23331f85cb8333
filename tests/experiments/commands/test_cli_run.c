/* test_cli_run.c: `coop run` from outside: the golden trajectories, the same bits again and again, and runs
 * that are stopped, killed, changed and continued. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "clip/base/random.h"
#include "clip/tensors/safetensors_write.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "experiments/results/tensorboard.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define GOLDEN_OPTIM                                                                                         \
    "optim: {lr: 0.02, momentum: 0.9, weight_decay: 5.0e-4, max_epoch: 6, batch_size: 8, shuffle: false,\n"  \
    "        warmup_epoch: 1, warmup_cons_lr: 1.0e-5}\n"

/* --- against the original code --- */

static const char *const POSITIONS[] = {"end", "middle", "front"};

/* The start contexts of one combination as a file for ctx_init. */
static const char *write_start(Cli *cli, const char *kind, const char *combination) {
    TensorFile *golden = fixture_open(arena_printf(cli->arena, FIXTURES "golden_%s.safetensors", kind));
    const char *name = arena_printf(cli->arena, "%s.ctx0", combination);
    const Tensor *ctx = tensors_find(golden, name);
    assert_non_null(ctx);
    TensorOut out = {.name = "ctx", .dtype = ctx->dtype, .n_dims = ctx->n_dims, .data = ctx->data};
    memcpy(out.shape, ctx->shape, sizeof out.shape);
    const char *path = cli_path(cli, "%s_%s.safetensors", kind, combination);
    Error err = {0};
    assert_int_equal(safetensors_write(path, &out, 1, NULL, 0, &err), 0);
    tensors_close(golden);
    return path;
}

/* Which of the twelve combinations are tried: under a sanitizer every third. */
static int combination_step(void) {
    return scratch_instrumented() ? 3 : 1;
}

/* "csc_middle_5": i from 0 to 11. */
static char *combination_name(Cli *cli, int i) {
    return arena_printf(cli->arena, "%s_%s_%d", i % 2 ? "csc" : "uni", POSITIONS[i / 4], 4 + i / 2 % 2);
}

/* The combinations as the methods of one experiment; the zero-shot prompt too. */
static const char *golden_experiment(Cli *cli, const char *kind) {
    char *text =
        arena_strdup(cli->arena, "grid: {num_shots: all, seed: 1}\noutputs: {logits: true}\n" GOLDEN_OPTIM
                                 "methods:\n  - zeroshot: {templates: \"a photo of a {}.\"}\n");
    for (int i = 0; i < 12; i += combination_step()) {
        const char *name = combination_name(cli, i);
        text = arena_printf(cli->arena,
                            "%s  - coop: {name: %s, csc: %s, class_token_position: %s, ctx_init: %s}\n", text,
                            name, i % 2 ? "true" : "false", POSITIONS[i / 4], write_start(cli, kind, name));
    }
    return cli_experiment(cli, kind, kind, text);
}

static void check_trajectories(Cli *cli, const char *kind) {
    cli_ok(cli, "run", golden_experiment(cli, kind));
    assert_int_equal(cli_results(cli, kind, NULL).n, 1 + 12 / combination_step());
    cli_assert_golden(cli, cli_point_file(cli, kind, "zero-shot", -1, "test_logits.safetensors"), "logits",
                      kind, "zs_test_logits", 1e-5);
    for (int i = 0; i < 12; i += combination_step()) {
        const char *name = combination_name(cli, i);
        cli_assert_golden(cli, cli_point_file(cli, kind, name, 1, "prompt.safetensors"), "ctx", kind,
                          arena_printf(cli->arena, "%s.ctx_end", name), 1e-3);
        cli_assert_golden(cli, cli_point_file(cli, kind, name, 1, "test_logits.safetensors"), "logits", kind,
                          arena_printf(cli->arena, "%s.test_logits_end", name), 1e-3);
    }
}

static void test_trajectories(void **state) {
    check_trajectories(*state, "vit");
    check_trajectories(*state, "rn");
}

/* --- the same bits --- */

/* Two variants of every method, small. */
#define SMALL_GRID                                                                                           \
    "grid: {num_shots: [2], seed: [1, 2]}\noutputs: {logits: true}\noptim: {max_epoch: 3, batch_size: 8}\n"  \
    "augment: {views: 2}\nmethods:\n  - zeroshot: {templates: ensemble}\n  - linear_probe: {}\n"             \
    "  - coop: {n_ctx: 3, csc: [false, true], class_token_position: middle}\n"                               \
    "  - text_layer: {layer: [linear, bias]}\n  - tip_adapter: {train: [false, true]}\n"

static void assert_same_runs(Cli *cli, const char *a, const char *b) {
    ResultList results = cli_results(cli, a, NULL), others = cli_results(cli, b, NULL);
    assert_int_equal(results.n, others.n);
    for (int i = 0; i < results.n; i++) {
        static const char *const names[] = {"test_logits.safetensors", PREDICTIONS_FILE, "prompt.safetensors",
                                            METRICS_FILE, TENSORBOARD_FILE};
        const Result *result = &results.results[i], *other = results_find(&others, result->key);
        assert_non_null(other);
        assert_true(result->accuracy == other->accuracy && result->macro_f1 == other->macro_f1);
        for (int k = 0; k < (strcmp(result->method, "coop") == 0 ? 5 : 2); k++)
            cli_assert_same_files(cli, cli_path(cli, "%s/%s/%s", a, result->folder, names[k]),
                                  cli_path(cli, "%s/%s/%s", b, result->folder, names[k]));
    }
}

static void test_same_bits(void **state) {
    Cli *cli = *state;
    static const char *const kinds[] = {"vit", "rn"}, *const threads[] = {"1", "2", "3", "5"};
    for (int k = 0; k < 2; k++) {
        const char *first = NULL;
        for (int i = 0; i < 4; i++) {
            const char *name = arena_printf(cli->arena, "%s%s", kinds[k], threads[i]);
            cli_ok(cli, "run", cli_experiment(cli, name, kinds[k], SMALL_GRID), "--threads", threads[i]);
            assert_int_equal(cli_results(cli, name, NULL).n, 15);
            if (first)
                assert_same_runs(cli, first, name);
            first = first ? first : name;
        }
    }
}

/* --- stopping and going on --- */

/* Two trainings of a few tenths of a second each, and six short ones. */
static const char *long_experiment(Cli *cli, const char *name) {
    const char *grid = arena_printf(cli->arena,
                                    "grid: {num_shots: all, seed: [1, 2]}\noutputs: {logits: true}\n"
                                    "optim: {max_epoch: %d, batch_size: 5}\naugment: {views: 1}\n"
                                    "methods:\n  - coop: {name: long, n_ctx: 8, csc: true}\n"
                                    "  - text_layer: {layer: [linear, bias]}\n"
                                    "  - tip_adapter: {train: true, max_epoch: 50}\n",
                                    scratch_instrumented() ? 2 : 8);
    return cli_experiment(cli, name, "vit", grid);
}

static void sleep_seconds(double seconds) {
    struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
    nanosleep(&time, NULL);
}

/* Starts the run again and again, ending it with the signal at random instants, until it is through. Returns
 * how often it was ended. SIGKILL may come between the table, which is printed last, and the end. */
static int run_with(Cli *cli, const char *yaml, int signal, double duration, const char *table, Rng *rng) {
    int n = 0;
    for (;; n++) {
        const char *words[] = {"run", yaml, NULL};
        cli_start(cli, words);
        if (n < 6) {
            sleep_seconds(rng_uniform(rng, 0, duration / 2));
            kill(cli->child, signal);
        }
        if (cli_wait(cli) == 0) {
            assert_string_equal(cli->out, table);
            return n;
        }
        assert_int_equal(cli->status, 128 + signal);
        if (signal != SIGKILL && *cli->err) /* empty: before the program could install its handler */
            assert_non_null(strstr(cli->err, "start the same command again to go on\n"));
        assert_string_equal(cli->out, signal == SIGKILL && *cli->out ? table : "");
    }
}

static void test_interruptions(void **state) {
    Cli *cli = *state;
    Rng rng;
    rng_seed(&rng, (uint32_t[]){1}, 1);
    cli_ok(cli, "run", long_experiment(cli, "whole"));
    const double duration = cli->seconds;
    const char *table = arena_strdup(cli->arena, cli->out);
    static const int signals[] = {SIGINT, SIGTERM, SIGKILL};
    int n_stopped = 0;
    for (int i = 0; i < 3; i++) {
        int lines;
        const char *name = arena_printf(cli->arena, "signal%d", signals[i]);
        n_stopped += run_with(cli, long_experiment(cli, name), signals[i], duration, table, &rng);
        assert_int_equal(cli_results(cli, name, &lines).n, 8);
        assert_int_equal(lines, 8);
        assert_same_runs(cli, "whole", name);
    }
    assert_true(n_stopped >= 3);
    /* What is finished is not done again. */
    cli_ok(cli, "run", cli_path(cli, "whole.yaml"));
    assert_ptr_equal(strstr(cli->err, "8 of 8 points are already finished\n\n"), cli->err);
    assert_non_null(strstr(cli->out, "long"));
    assert_true(cli->seconds < duration / 2 + 0.5);
}

/* A state that is cut anywhere costs the training, not the run. */
static void test_cut_state(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit",
                                      "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 3}\n"
                                      "methods:\n  - coop: {name: x, n_ctx: 2}\n");
    const char *results = cli_path(cli, "out/results.jsonl"), *copy = cli_path(cli, "prompt.safetensors");
    cli_ok(cli, "run", yaml);
    const char *path = cli_point_file(cli, "out", "x", 1, "state.safetensors");
    const char *prompt = cli_point_file(cli, "out", "x", 1, "prompt.safetensors");
    const char *log = cli_point_file(cli, "out", "x", 1, "log.txt");
    cli_copy(prompt, copy);
    size_t size;
    char *bytes = cli_read(cli, path, &size);
    assert_true(size > 1000);
    const size_t cuts[] = {0, 1, 7, 8, 9, 100, 500, size / 2, size - 4, size - 1, size};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        unlink(results); /* the point is to be done, its folder is there */
        unlink(prompt);
        scratch_file(path, bytes, cuts[i]);
        cli_ok(cli, "run", yaml);
        const char *note = strstr(cli->err, arena_printf(cli->arena, "note: %s: ", path));
        assert_int_equal(note != NULL, cuts[i] < size);
        assert_int_equal(note != NULL && strstr(note, "; this run begins anew\n"), cuts[i] < size);
        assert_int_equal(strstr(cli_read(cli, log, NULL), "resumed in epoch 4 after step 0") != NULL,
                         cuts[i] == size);
        cli_assert_same_files(cli, prompt, copy);
    }
}

/* Another configuration in the same folder begins it anew: nothing of the old one is left to be mistaken. */
static void test_changed_configuration(void **state) {
    Cli *cli = *state;
    const char *grid = "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 4}\n"
                       "methods:\n  - coop: {name: x, n_ctx: 2}\n";
    const char *split = cli_path(cli, "split_zhou_Golden.json");
    cli_copy(FIXTURES "split_zhou_Golden.json", split);
    const char *set = arena_printf(cli->arena, "dataset.split=%s", split);
    const char *yaml = cli_experiment(cli, "out", "vit", grid);
    cli_ok(cli, "run", yaml, "--set", set, "--set", "outputs.logits=true");
    const char *log = cli_point_file(cli, "out", "x", 1, "log.txt");
    const char *metrics = cli_point_file(cli, "out", "x", 1, "metrics.jsonl");
    const char *logits = cli_point_file(cli, "out", "x", 1, "test_logits.safetensors");
    assert_true(cli_exists(logits));
    size_t n_log, n_metrics, n;
    cli_read(cli, log, &n_log);
    cli_read(cli, metrics, &n_metrics);
    char *text = cli_read(cli, split, &n);
    memcpy(strstr(text, "\"ring\""), "\"rang\"", 6);
    for (char *at = text; (at = strstr(at, "\"ring\""));)
        memcpy(at, "\"rang\"", 6);
    scratch_file(split, text, n);
    cli_ok(cli, "run", yaml, "--set", set);
    assert_non_null(strstr(cli->err, "a training state of another configuration; this run begins anew"));
    assert_int_equal(cli_results(cli, "out", NULL).n, 2);
    assert_false(cli_exists(logits)); /* those of the old classes */
    cli_ok(cli, "report", cli_path(cli, "out"));
    const char *note = strstr(cli->err, "note: ");
    assert_non_null(strstr(note, "1 result of other images, classes or parts of 'Golden'"));
    assert_null(strstr(note + 1, "note: ")); /* no result claims the files of another */
    char *lines = cli_read(cli, metrics, &n);
    int n_lines = 0;
    for (size_t i = 0; i < n; i++)
        n_lines += lines[i] == '\n';
    assert_int_equal(n_lines, 4);
    assert_int_equal(strncmp(cli_read(cli, log, NULL), "begun anew: ", 12), 0);
}

/* A file that is asked for later is made later. */
static void test_logits_later(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit",
                                      "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\n"
                                      "methods:\n  - zeroshot: {}\n  - linear_probe: {}\n"
                                      "  - coop: {n_ctx: 2}\n");
    cli_ok(cli, "run", yaml);
    assert_true(cli_exists(cli_point_file(cli, "out", "zero-shot", -1, PREDICTIONS_FILE)));
    assert_false(cli_exists(cli_point_file(cli, "out", "zero-shot", -1, "test_logits.safetensors")));
    cli_ok(cli, "run", yaml, "--set", "outputs.logits=true");
    int lines;
    ResultList results = cli_results(cli, "out", &lines);
    assert_int_equal(results.n, 3);
    for (int i = 0; i < 3; i++)
        assert_true(cli_exists(cli_path(cli, "out/%s/test_logits.safetensors", results.results[i].folder)));
    cli_ok(cli, "run", yaml, "--set", "outputs.logits=true");
    assert_ptr_equal(strstr(cli->err, "3 of 3 points are already finished\n\n"), cli->err);
}

/* More points in the file: only those are run. */
static void test_growing_grid(void **state) {
    Cli *cli = *state;
    const char *methods = "optim: {max_epoch: 2}\nmethods:\n  - coop: {name: x, n_ctx: 2}\n";
    const char *yaml = cli_experiment(cli, "out", "vit", methods);
    cli_ok(cli, "run", yaml, "--set", "grid.num_shots=[1]", "--set", "grid.seed=[1]");
    cli_ok(cli, "run", yaml, "--set", "grid.num_shots=[2,1]", "--set", "grid.seed=[1,2]");
    assert_non_null(strstr(cli->err, "1 of 4 points are already finished\n"));
    int lines;
    assert_int_equal(cli_results(cli, "out", &lines).n, 4);
    assert_int_equal(lines, 4);
    cli_ok(cli, "run", yaml, "--set", "grid.num_shots=[1,2]", "--set", "grid.seed=[1,2]", "--quiet");
    assert_string_equal(cli->err, "");
    const char *config = cli_point_file(cli, "out", "x", 2, "config.yaml");
    cli_ok(cli, "run", config, "--dry-run");
    assert_int_equal(strncmp(cli->out, "1 points, 0 to run\n", 19), 0);
}

/* timeout(1) sends its signal twice in a row; who sends it a second later means it. */
static void test_second_signal(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit",
                                      "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 100000}\n"
                                      "methods:\n  - coop: {n_ctx: 2}\n");
    const char *words[] = {"run", yaml, NULL}, *lock = cli_path(cli, "out/.lock");
    cli_start(cli, words);
    for (int i = 0; i < 2000 && !cli_exists(lock); i++)
        sleep_seconds(0.005);
    for (int i = 0; i < 20; i++) {
        kill(cli->child, SIGTERM);
        sleep_seconds(0.0001); /* until it is gone: its exit takes a few of these */
    }
    assert_int_equal(cli_wait(cli), 143);
    assert_non_null(strstr(cli->err, "stopped by SIGTERM; start the same command again to go on\n"));
    const char *pipe = cli_path(cli, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    const char *encode[] = {"encode",           "--model", FIXTURES "clip_vit.safetensors",
                            "--texts",          pipe,      "--out",
                            cli_path(cli, "o"), NULL}; /* waits for a writer of the pipe */
    cli_start(cli, encode);
    sleep_seconds(0.2);
    kill(cli->child, SIGINT);
    sleep_seconds(0.7);
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 128 + SIGINT);
}

/* Two runs at once: one works, the other one says why it does not. */
static void test_two_at_once(void **state) {
    Cli *cli = *state;
    Cli other = *cli;
    const char *yaml = cli_experiment(cli, "out", "vit",
                                      "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 100000}\n"
                                      "methods:\n  - coop: {n_ctx: 2}\n");
    const char *words[] = {"run", yaml, NULL}, *lock = cli_path(cli, "out/.lock");
    cli_start(&other, words);
    for (int i = 0; i < 2000 && !cli_exists(lock); i++)
        sleep_seconds(0.005);
    sleep_seconds(0.05);
    cli_run(cli, "run", yaml, "--set", "grid.seed=[7]", "--set", "optim.max_epoch=1");
    int status = cli->status;
    const char *err = cli->err;
    kill(other.child, SIGKILL);
    cli_wait(&other);
    assert_int_equal(status, 4);
    assert_string_equal(err, arena_printf(cli->arena, "coop run: %s: another run is at work in this folder\n",
                                          cli_path(cli, "out")));
    /* the lock died with its owner */
    cli_ok(cli, "run", yaml, "--set", "grid.seed=[7]", "--set", "optim.max_epoch=1");
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_trajectories),
                                       CLI_TEST(test_same_bits),
                                       CLI_TEST(test_interruptions),
                                       CLI_TEST(test_cut_state),
                                       CLI_TEST(test_changed_configuration),
                                       CLI_TEST(test_logits_later),
                                       CLI_TEST(test_growing_grid),
                                       CLI_TEST(test_second_signal),
                                       CLI_TEST(test_two_at_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
