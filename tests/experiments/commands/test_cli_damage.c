/* test_cli_damage.c: what a run has left is lost or damaged before the next one.
 *
 * COOP_EVERY_BYTE=1 flips a bit in every 64th byte of every file; without it in one byte of each. */
#define _GNU_SOURCE /* memmem */
#include "tests/support/cli_support.h"

#include "clip/base/files.h"
#include "coop/train_state.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "experiments/results/result_files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fts.h>
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
    } files[] = {{"prompt", "prompt.safetensors"},
                 {"prompt", PREDICTIONS_FILE},
                 {"prompt", METRICS_FILE},
                 {"prompt", "state.safetensors"},
                 {"prompt", "config.yaml"},
                 {"layer", "state.safetensors"},
                 {"cache", "classifier.safetensors"},
                 {"layer", "classifier.safetensors"},
                 {"cache", PREDICTIONS_FILE}};
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

/* --- one flipped bit in every file --- */

#define EVERY                                                                                                \
    "transfer: [{name: again, format: split, images: " FIXTURES "images, split: " FIXTURES                   \
    "split_zhou_Golden.json}]\ngrid: {num_shots: 1, seed: 1}\noutputs: {logits: true}\n"                     \
    "optim: {max_epoch: 2, batch_size: 8}\naugment: {views: 1}\nmethods:\n"                                  \
    "  - zeroshot: {}\n  - linear_probe: {}\n  - coop: {n_ctx: 1}\n  - text_layer: {layer: bias}\n"          \
    "  - tip_adapter: {}\n  - finetune: {part: image_projection}\n  - clip_lora: {n_iters: 2}\n"

enum { N_POINTS = 14, STEP = 64, MOST_FILES = 200 };

/* Written anew by every run, or never read. */
static bool is_for_people(const char *path) {
    static const char *const names[] = {"/report.html", "/results.csv", "/log.txt", "/.lock"};
    bool is = false;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        is |=
            strlen(path) > strlen(names[i]) && strcmp(path + strlen(path) - strlen(names[i]), names[i]) == 0;
    return is;
}

/* The files of an output folder that are read again; returns how many. */
static int list_files(Cli *cli, const char *folder, const char *paths[MOST_FILES]) {
    int n = 0;
    char *const roots[] = {arena_strdup(cli->arena, folder), NULL};
    FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
    assert_non_null(walk);
    for (FTSENT *entry; (entry = fts_read(walk));)
        if (entry->fts_info == FTS_F && !is_for_people(entry->fts_path)) {
            assert_true(n < MOST_FILES);
            paths[n++] = arena_strdup(cli->arena, entry->fts_path);
        }
    fts_close(walk);
    return n;
}

static void need_named(const Cli *cli, const char *what, const char *path, size_t at) {
    if (!strstr(cli->err, path))
        fail_msg("%s: byte %zu: %s says nothing of it:\n%s", path, at, what, cli->err);
}

/* The file has one flipped bit: it is refused, or named and made anew, with the same results. */
static void check_flip(Cli *cli, const char *yaml, const char *path, size_t at, const ResultList *before) {
    const char *out = cli_path(cli, "out"), *results = cli_path(cli, "out/results.jsonl");
    const bool is_learned = strstr(path, "prompt.safetensors") || strstr(path, "weights.safetensors") ||
                            strstr(path, "lora.safetensors"),
               is_feature = strstr(path, ".features");
    if (is_learned) {
        cli_run(cli, "classify", path, FIXTURES "images/shape00/0004.jpg");
        assert_int_equal(cli->status, 3);
        need_named(cli, "classify", path, at);
    }
    if (!is_feature && at % (8 * STEP) < STEP) {
        cli_ok(cli, "report", out);
        need_named(cli, "report", path, at);
    }
    if (is_feature)
        unlink(results); /* else no image is asked for */
    cli_ok(cli, "run", yaml);
    need_named(cli, "run", path, at);
    int lines;
    ResultList after = cli_results(cli, "out", &lines);
    assert_true(after.n == before->n && lines == before->n);
    for (int i = 0; i < after.n; i++) {
        assert_string_equal(after.results[i].key, before->results[i].key);
        assert_true(after.results[i].accuracy == before->results[i].accuracy &&
                    after.results[i].macro_f1 == before->results[i].macro_f1);
        const char *fault;
        Error err = {0};
        assert_int_equal(result_files_fault(&fault, &after.results[i], out, cli->arena, &err), 0);
        if (fault)
            fail_msg("%s: byte %zu: afterwards %s", path, at, fault);
    }
}

static void test_every_file(void **state) {
    Cli *cli = *state;
    const bool all = getenv("COOP_EVERY_BYTE") != NULL;
    const char *yaml = cli_experiment(cli, "out", "vit", EVERY), *paths[MOST_FILES];
    cli_ok(cli, "run", yaml);
    const ResultList before = cli_results(cli, "out", NULL);
    assert_int_equal(before.n, N_POINTS);
    const int n = list_files(cli, cli_path(cli, "out"), paths);
    int n_flips = 0;
    for (int i = 0; i < n; i++) {
        size_t size;
        cli_read(cli, paths[i], &size);
        /* A sample has one byte of each file, elsewhere in each. */
        const size_t step = all ? STEP : size, first = all ? 0 : size * (size_t)(i % 8) / 8;
        for (size_t at = first; at < size; at += step, n_flips++) {
            size_t mark = arena_mark(cli->arena);
            scratch_flip(paths[i], at, (unsigned char)(1 << (at / STEP + (size_t)i) % 8));
            check_flip(cli, yaml, paths[i], at, &before);
            arena_reset(cli->arena, mark);
        }
    }
    if (all)
        print_message("%d flips in %d files\n", n_flips, n);
}

/* A state without a checksum is not gone on from. */
static void test_earlier_state(void **state) {
    Cli *cli = *state;
    const char *yaml = cli_experiment(cli, "out", "vit", SMALL);
    cli_ok(cli, "run", yaml);
    const char *path = cli_point_file(cli, "out", "prompt", 1, STATE_FILE);
    unlink(cli_path(cli, "out/results.jsonl"));
    size_t size;
    char *bytes = cli_read(cli, path, &size), *key = memmem(bytes, size, "coop_crc32", 10);
    assert_non_null(key);
    memcpy(key, "none_known", 10);
    scratch_file(path, bytes, size);
    cli_ok(cli, "run", yaml);
    const char *note =
        arena_printf(cli->arena,
                     "note: %s: metadata: no checksum, as an earlier version wrote it; this run "
                     "begins anew\n",
                     path);
    assert_non_null(strstr(cli->err, note));
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
    const struct CMUnitTest tests[] = {CLI_TEST(test_finished),   CLI_TEST(test_results),
                                       CLI_TEST(test_metrics),    CLI_TEST(test_no_locks),
                                       CLI_TEST(test_every_file), CLI_TEST(test_earlier_state)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
