/* test_cli_damage.c: what a run has left is lost or damaged before the next one. */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "tests/support/scratch.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

/* Every kind of file that a run leaves, a training of each kind, and a target that takes what was learned. */
#define SMALL                                                                                                \
    "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 3, batch_size: 8}\naugment: {views: 1}\n"             \
    "methods:\n  - coop: {name: prompt, n_ctx: 1}\n  - text_layer: {name: layer, layer: bias}\n"             \
    "  - tip_adapter: {name: cache}\n"

/* Runs again; the finished points of the three are n, and stderr has the note unless it is NULL. */
static void run_again(Cli *cli, const char *yaml, int n, const char *note) {
    cli_ok(cli, "run", yaml);
    const char *said = arena_printf(cli->arena, "%d of 3 points are already finished\n", n);
    if (n > 1 && !strstr(cli->err, said))
        fail_msg("no '%s' in:\n%s", said, cli->err);
    if (note && !strstr(cli->err, note))
        fail_msg("no '%s' in:\n%s", note, cli->err);
}

/* A file of a finished point that is missing or damaged: the point is run again and leaves the same. */
static void test_finished(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *label, *name;
    } files[] = {{"prompt", "prompt.safetensors"}, {"prompt", PREDICTIONS_FILE},
                 {"prompt", METRICS_FILE},         {"prompt", "state.safetensors"},
                 {"prompt", "config.yaml"},        {"layer", "state.safetensors"},
                 {"cache", "cache.safetensors"},   {"cache", PREDICTIONS_FILE}};
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *copy = cli_path(cli, "copy");
    cli_ok(cli, "run", yaml);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const char *path = cli_point_file(cli, "out", files[i].label, 1, files[i].name);
        const bool is_state = strcmp(files[i].name, "state.safetensors") == 0; /* it knows how long it took */
        cli_copy(path, copy);
        unlink(path);
        run_again(cli, yaml, 2,
                  arena_printf(cli->arena, "note: %s: missing; its point is run again\n", path));
        assert_true(cli_exists(path));
        if (!is_state)
            cli_assert_same_files(cli, path, copy);
        scratch_flip(path, 70, 4);
        run_again(cli, yaml, 2, arena_printf(cli->arena, "note: %s: damaged or changed: its checksum", path));
        if (!is_state)
            cli_assert_same_files(cli, path, copy);
        run_again(cli, yaml, 3, NULL);
        assert_ptr_equal(strstr(cli->err, "3 of 3 points"), cli->err);
    }
}

/* Lines of results.jsonl: named, counted as not finished, gone in the end. */
static void test_results(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL), *path = cli_path(cli, "out/results.jsonl");
    int lines;
    cli_ok(cli, "run", yaml);
    scratch_flip(path, 500, 1);
    const char *fault =
        arena_printf(cli->arena, "note: %s: line 1: damaged: it does not match its check", path);
    cli_ok(cli, "report", cli_path(cli, "out"));
    assert_ptr_equal(strstr(cli->err, fault), cli->err);
    run_again(cli, yaml, 2, fault);
    assert_int_equal(cli_results(cli, "out", &lines).n, 3);
    assert_int_equal(lines, 3);
    run_again(cli, yaml, 3, NULL);
    assert_ptr_equal(strstr(cli->err, "3 of 3 points"), cli->err);
}

/* A training that was stopped after two of three epochs, and whose epochs on disk are damaged. */
static void test_metrics(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_ok(cli, "run", yaml);
    const char *metrics = cli_point_file(cli, "out", "prompt", 1, METRICS_FILE),
               *copy = cli_path(cli, "copy");
    cli_copy(metrics, copy);
    unlink(cli_path(cli, "out/results.jsonl")); /* the points are to be done, their folders are there */
    scratch_flip(metrics, 20, 1);
    cli_ok(cli, "run", yaml);
    const char *note =
        arena_printf(cli->arena, "note: %s: line 1: damaged, or not the numbers of an epoch", metrics);
    const char *said = strstr(cli->err, note);
    assert_true(said && strstr(said, "; this run begins anew\n"));
    cli_assert_same_files(cli, metrics, copy);
}

/* --- file systems without locks --- */

/* From now on flock fails as on such a file system. */
static void refuse_locks(void) {
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_flock, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOLCK),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof code / sizeof *code, .filter = code};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
}

static void test_no_locks(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli->before = refuse_locks;
    cli_ok(cli, "run", yaml);
    if (!strstr(cli->err, "No locks available")) /* no filters here */
        skip();
    const char *note = arena_printf(cli->arena,
                                    "note: %s: cannot lock: No locks available; nothing keeps a second run "
                                    "out of this folder\n",
                                    cli_path(cli, "out"));
    const char *said = strstr(cli->err, note);
    if (!said || strstr(said + strlen(note), "cannot lock"))
        fail_msg("%s", cli->err);
    assert_int_equal(cli_results(cli, "out", NULL).n, 3);
    run_again(cli, yaml, 3, NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_finished), CLI_TEST(test_results),
                                       CLI_TEST(test_metrics), CLI_TEST(test_no_locks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
