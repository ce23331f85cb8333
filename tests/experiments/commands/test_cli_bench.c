/* test_cli_bench.c: `coop bench` from outside: its rows, what it refuses, and how it stops. */
#include "tests/support/cli_support.h"

#include "clip/math/packed.h"
#include "tests/support/scratch.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

typedef struct {
    const char *loop, *detail, *precision;
    int threads, peak_so_far;
    double seconds, gflop, sgemm, share, peak_bytes, efficiency; /* efficiency, share -1: absent */
    bool disturbed;                                              /* as a row without shares says */
} Row;

/* Parses one line; *json owns the texts. */
static Row read_row(const char *line, json_t **json) {
    Row row = {.efficiency = -1, .share = -1};
    *json = json_loads(line, JSON_DISABLE_EOF_CHECK, NULL);
    if (json_unpack(*json, "{s:s, s:s, s:s, s:i, s:b, s:F, s:F, s:F, s?F, s:F, s?F}", "loop", &row.loop,
                    "detail", &row.detail, "precision", &row.precision, "threads", &row.threads,
                    "peak_so_far", &row.peak_so_far, "seconds", &row.seconds, "gflop", &row.gflop,
                    "sgemm_gflops", &row.sgemm, "share", &row.share, "peak_bytes", &row.peak_bytes,
                    "efficiency", &row.efficiency) != 0)
        fail_msg("not a row: %s", line);
    row.disturbed = json_is_string(json_object_get(*json, "disturbed"));
    if (row.disturbed != (row.share == -1))
        fail_msg("a share, or why there is none: %s", line);
    return row;
}

static void test_rows(void **state) {
    Cli *cli = *state;
    static const struct {
        const char *loop;
        int threads;
        bool efficiency;
    } expected[] = {{"JPEG 500x375 to 224, 1 thread", 1, false},
                    {"JPEG 500x375 to 224", 1, false},
                    {"JPEG 500x375 to 224", 3, true},
                    {"JPEG 500x375 to 224", 2, true}};
    cli_ok(cli, "bench", "--json", "JPEG", "--threads", "1,3,2");
    const char *line = cli->out;
    double first = 0;
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        json_t *json;
        Row row = read_row(line, &json);
        assert_string_equal(row.loop, expected[i].loop);
        assert_int_equal(row.threads, expected[i].threads);
        assert_string_equal(row.precision, "float32");
        assert_true(row.seconds > 0 && row.sgemm > 0 && row.gflop == 0);
        assert_true(row.disturbed || row.share == 0);
        assert_true(row.peak_bytes > 1e6 && row.peak_bytes < 2e9);
        assert_non_null(strstr(row.detail, "images/s"));
        if (i == 1)
            first = row.seconds;
        if (expected[i].efficiency)
            assert_float_equal(row.efficiency, first / (row.threads * row.seconds), 1e-3 * row.efficiency);
        else
            assert_true(row.efficiency == -1);
        json_decref(json);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
}

/* --linear: other rows, of growing sizes. */
static void test_linear(void **state) {
    Cli *cli = *state;
    static const char *const loops[] = {"train step, 10 classes, end",
                                        "train step, 30 classes, end, csc, M 4"};
    if (scratch_instrumented())
        skip();
    cli_ok(cli, "bench", "--json", "--linear", "10 classes", "M 4");
    const char *line = cli->out;
    double gflop[2];
    for (int i = 0; i < 2; i++) {
        json_t *json;
        Row row = read_row(line, &json);
        assert_string_equal(row.loop, loops[i]);
        assert_string_equal(row.precision, "float32");
        assert_true(row.seconds > 0 && (row.disturbed || row.share > 0));
        assert_non_null(strstr(row.detail, " nodes, 1 frozen, "));
        gflop[i] = row.gflop;
        json_decref(json);
        line = strchr(line, '\n') + 1;
    }
    assert_string_equal(line, "");
    /* 58 nodes that move, against 244 */
    assert_in_range((int)(100 * gflop[1] / gflop[0]), 300, 500);
}

/* A step of training tells how near it is to its own kernel, which is a processor's own. */
static void test_training(void **state) {
    Cli *cli = *state;
    if (scratch_instrumented())
        skip();
    cli_ok(cli, "bench", "--json", "--precision", "auto", "--threads", "1", "pretrain step, small");
    json_t *json;
    Row row = read_row(cli->out, &json);
    assert_string_equal(row.loop, "pretrain step, small ViT, 64 pairs");
    assert_non_null(strstr(row.detail, "pairs per second"));
    const json_t *kernel = json_object_get(json, "kernel_gflops");
    assert_true(json_is_real(kernel) == packed_is_supported());
    assert_true(!kernel || json_real_value(kernel) > row.gflop / row.seconds);
    json_decref(json);
}

/* All of an experiment: its parts take its time, its files go with it. */
static void test_experiment(void **state) {
    Cli *cli = *state;
    enum { TRAIN = 40, TEST = 24 };
    const double image = 10.777; /* GFLOP of RN50 */
    if (scratch_instrumented())
        skip();
    setenv("TMPDIR", cli->scratch, 1);
    cli_ok(cli, "bench", "--json", "--precision", "auto", "small experiment");
    unsetenv("TMPDIR");
    assert_int_equal(scratch_count(&cli->scratch), 0);
    json_t *json;
    Row row = read_row(cli->out, &json);
    assert_string_equal(row.loop, "small experiment");
    assert_string_equal(row.precision, precision_name(precision_here(PRECISION_AUTO)));
    double decoding, towers, training, evaluation, files;
    int n_train, n_test, n_steps;
    assert_int_equal(sscanf(row.detail,
                            "decoding %lf s, towers %lf, training %lf, evaluation %lf, files %lf; %d + %d "
                            "images, %d steps",
                            &decoding, &towers, &training, &evaluation, &files, &n_train, &n_test, &n_steps),
                     8);
    assert_true(n_train == TRAIN && n_test == TEST && n_steps == 5);
    assert_true(towers > 0 && training > 0);
    assert_true(decoding + towers + training + evaluation + files < row.seconds + 0.2); /* rounded */
    double steps = row.gflop - image * (TRAIN + TEST); /* 8.3 each for 10 classes of two tokens */
    assert_true(steps > 5 * 6 && steps < 5 * 12);
    json_decref(json);
}

/* Classifiers that are not trained by steps; those of 1,000 classes stay out unless they are named. */
static void test_classifiers(void **state) {
    Cli *cli = *state;
    static const char *const details[] = {"C 1e-05, 64.25 %", "800 texts, 3265 nodes"};
    if (scratch_instrumented())
        skip();
    cli_ok(cli, "bench", "--json", "probe, 100 x", "templates, 10 classes");
    const char *line = cli->out;
    for (int i = 0; i < 2; i++, line = strchr(line, '\n') + 1) {
        json_t *json;
        const Row row = read_row(line, &json);
        assert_int_equal(strncmp(row.detail, details[i], strlen(details[i])), 0);
        assert_true((row.gflop > 0) == (i == 1));
        json_decref(json);
    }
    assert_string_equal(line, "");
}

/* Without --json: a line of columns, and as many lines as rows. */
static void test_table(void **state) {
    Cli *cli = *state;
    cli_ok(cli, "bench", "1 thread");
    const char *row = strstr(cli->out, "\nJPEG 500x375 to 224, 1 thread ");
    assert_non_null(strstr(cli->out, "loop  "));
    assert_non_null(row);
    assert_non_null(strstr(row, "images/s"));
    assert_null(strstr(cli->out, "efficiency"));
}

/* Rows that were kept are compared by name, precision and threads; a row says what it was measured on. */
static void test_kept_rows(void **state) {
    Cli *cli = *state;
    const char *kept = cli_path(cli, "kept.json"), *again = cli_path(cli, "again.json");
    cli_ok(cli, "bench", "JPEG", "--threads", "1", "--save", kept);
    assert_null(strstr(cli->out, "ratio"));
    assert_non_null(strstr(cli->out, "OpenBLAS: ")); /* the kernels */
    json_t *old[2], *row[3];
    const char *line = cli_read(cli, kept, NULL);
    for (int i = 0; i < 2; i++, line = strchr(line, '\n') + 1)
        read_row(line, &old[i]);
    assert_string_equal(line, "");
    assert_true(json_is_string(json_object_get(old[0], "processor")));
    assert_true(json_is_string(json_object_get(old[0], "kernels")));
    assert_true(json_number_value(json_object_get(old[0], "clock_before")) > 0 ||
                !json_object_get(old[0], "clock_before"));
    cli_ok(cli, "bench", "JPEG", "--json", "--threads", "1,2", "--compare", kept, "--save", again);
    assert_string_equal(cli->out, cli_read(cli, again, NULL));
    line = cli->out;
    for (int i = 0; i < 3; i++, line = strchr(line, '\n') + 1) {
        const Row now = read_row(line, &row[i]);
        const json_t *ratio = json_object_get(row[i], "ratio");
        assert_int_equal(ratio != NULL, i < 2); /* two threads were not measured then */
        if (ratio)
            assert_float_equal(json_real_value(ratio),
                               json_real_value(json_object_get(old[i], "seconds")) / now.seconds,
                               1e-4 * json_real_value(ratio));
        json_decref(row[i]);
    }
    json_decref(old[0]);
    json_decref(old[1]);
    cli_ok(cli, "bench", "1 thread", "--compare", kept);
    assert_non_null(strstr(cli->out, "  ratio\n"));
    assert_null(strstr(cli->err, "not on this machine"));
}

/* Another machine's rows are compared, and it is said; what is no such file is refused. */
static void test_other_rows(void **state) {
    Cli *cli = *state;
    const char *kept = cli_path(cli, "kept.json");
    static const char row[] = "{\"loop\": \"JPEG 500x375 to 224, 1 thread\", \"precision\": \"float32\", "
                              "\"threads\": 1, \"seconds\": 1.5, \"processor\": \"Z80\"}\n";
    scratch_file(kept, row, sizeof row - 1);
    cli_ok(cli, "bench", "1 thread", "--compare", kept);
    assert_non_null(strstr(cli->err, "kept.json: measured on Z80 (?), not on this machine"));
    cli_refuses(cli, 3, cli_path(cli, "none.json"), "cannot open", "bench", "JPEG", "--compare",
                cli_path(cli, "none.json"));
    static const char *const bad[] = {
        "", "\n", "{}\n", "{\"loop\": 3}\n", "{\"loop\": \"a\", \"seconds\": 0}\n", "nothing"};
    for (int i = 0; i < 6; i++) {
        scratch_file(kept, bad[i], strlen(bad[i]));
        cli_refuses(cli, 3, kept, i ? "kept.json:1: no row of coop bench" : "it has no rows", "bench", "JPEG",
                    "--compare", kept);
    }
}

static void test_refusals(void **state) {
    Cli *cli = *state;
    cli_refuses(cli, 2, "coop bench: ", "no loop has teapot", "bench", "teapot");
    cli_refuses(cli, 2, "coop bench: ", "no loop has csc, M 4", "bench", "csc, M 4"); /* without --linear */
    cli_refuses(cli, 2, "coop bench: ", "no loop has small exp", "bench", "--linear", "small experiment");
    cli_refuses(cli, 2, "coop bench: ", "--precision half:", "bench", "--precision", "half");
    static const char *const lists[] = {"",
                                        "0",
                                        "1,",
                                        ",1",
                                        "1,,2",
                                        "1 2",
                                        "two",
                                        "1,2x",
                                        "-",
                                        "1025",
                                        "1,-2",
                                        "1e300",
                                        "99999999999999999999",
                                        "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
        cli_refuses(cli, 2, "coop bench: --threads ", "whole numbers", "bench", "JPEG", "--threads",
                    lists[i]);
}

/* Ctrl-C after the first row: those that follow are left out. */
static void test_interrupt(void **state) {
    Cli *cli = *state;
    const char *const words[] = {"bench", "JPEG", "--json", "--threads", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
                                 NULL};
    struct stat info = {0};
    cli_start(cli, words);
    for (int i = 0; i < 60000 && info.st_size == 0; i++) {
        usleep(1000);
        assert_int_equal(fstat(fileno(cli->streams[0]), &info), 0);
    }
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 130);
    assert_string_equal(cli->err, "coop bench: stopped by SIGINT\n");
    int n_rows = 0;
    for (const char *at = cli->out; *at; at = strchr(at, '\n') + 1)
        n_rows++;
    assert_in_range(n_rows, 1, 16);
}

/* Files that a row has on disk are gone after Ctrl-C. */
static void test_interrupted_files(void **state) {
    Cli *cli = *state;
    const char *const words[] = {"bench", "classify", NULL};
    setenv("TMPDIR", cli->scratch, 1);
    cli_start(cli, words);
    unsetenv("TMPDIR");
    for (int i = 0; i < 120000 && scratch_count(&cli->scratch) == 0; i++)
        usleep(1000);
    assert_true(scratch_count(&cli->scratch) >
                0); /* a second one holds the config of a new model for a moment */
    kill(cli->child, SIGINT);
    assert_int_equal(cli_wait(cli), 130);
    assert_string_equal(cli->err, "coop bench: stopped by SIGINT\n");
    assert_int_equal(scratch_count(&cli->scratch), 0);
}

/* A folder that cannot be made. */
static void test_no_folder(void **state) {
    Cli *cli = *state;
    const char *missing = cli_path(cli, "missing");
    setenv("TMPDIR", missing, 1);
    cli_run(cli, "bench", "classify");
    unsetenv("TMPDIR");
    assert_int_equal(cli->status, 4);
    assert_string_equal(cli->err, arena_printf(cli->arena,
                                               "coop bench: %s: cannot make a folder: "
                                               "No such file or directory\n",
                                               missing));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_rows),
                                       CLI_TEST(test_linear),
                                       CLI_TEST(test_training),
                                       CLI_TEST(test_experiment),
                                       CLI_TEST(test_classifiers),
                                       CLI_TEST(test_table),
                                       CLI_TEST(test_kept_rows),
                                       CLI_TEST(test_other_rows),
                                       CLI_TEST(test_refusals),
                                       CLI_TEST(test_interrupt),
                                       CLI_TEST(test_interrupted_files),
                                       CLI_TEST(test_no_folder)};
    return cmocka_run_group_tests_name("cli_bench", tests, NULL, NULL);
}
