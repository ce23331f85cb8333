/* test_cli_limits.c: `coop` where the system gives little: no memory, no reader, a file that is cut. */
#include "tests/support/checkpoint_copy.h"
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define MODEL "--model", FIXTURES "clip_vit.safetensors", "--vocab", FIXTURES "merges.txt.gz"

/* The limit of the next child, in KiB, as `ulimit -v` takes it. */
static rlim_t space_limit;

static void limit_space(void) {
    const struct rlimit limit = {space_limit << 10, space_limit << 10};
    if (setrlimit(RLIMIT_AS, &limit) != 0)
        _exit(98);
    alarm(30); /* a program that spins is killed by it */
}

/* With any limit a command works as without, or says at once that memory is out. */
static void test_address_space(void **state) {
    Cli *cli = *state;
    if (scratch_instrumented())
        skip();
    const char *image = FIXTURES "images/shape05/0004.jpg";
    cli_ok(cli, "zeroshot", MODEL, "--classes", "cat,dog", "--threads", "3", image);
    const char *want = cli->out;
    int n_worked = 0, n_refused = 0;
    for (space_limit = 100000; space_limit <= 1000000; space_limit += space_limit < 400000 ? 25000 : 200000) {
        cli->before = limit_space;
        int status = cli_run(cli, "zeroshot", MODEL, "--classes", "cat,dog", "--threads", "3", image);
        if (status == 0) {
            assert_string_equal(cli->out, want);
            n_worked++;
            continue;
        }
        assert_int_equal(status, 4);
        assert_string_equal(cli->out, "");
        assert_ptr_equal(strstr(cli->err, "coop zeroshot: "), cli->err);
        assert_ptr_equal(strchr(cli->err, '\n') + 1, strchr(cli->err, '\0'));
        n_refused++;
    }
    assert_true(n_worked > 0 && n_refused > 0);
}

/* A number of /proc/PID/status. */
static long status_number(pid_t process, const char *name) {
    char path[64], line[256];
    long number = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)process);
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            number = atol(line + strlen(name));
    if (file)
        fclose(file);
    return number;
}

/* Its threads are those that were asked for: OpenBLAS, which would start one per core, has none. */
static void test_no_other_threads(void **state) {
    Cli *cli = *state;
    if (scratch_instrumented())
        skip();
    const char *pipe = cli_path(cli, "pipe");
    assert_int_equal(mkfifo(pipe, 0600), 0);
    cli_start(cli, (const char *const[]){"encode", MODEL, "--texts", pipe, "--threads", "1", "--out",
                                         cli_path(cli, "o"), NULL}); /* waits for a writer of the pipe */
    usleep(300000);
    assert_int_equal(status_number(cli->child, "Threads:"), 1);
    kill(cli->child, SIGKILL);
    cli_wait(cli);
}

/* The checkpoint in floats, which stay where they are mapped. */
static void write_floats(Cli *cli, const char *path) {
    TensorFile *file = fixture_open(FIXTURES "clip_vit.safetensors");
    Copy *copy = copy_of(file, cli->arena);
    copy_to_float(copy, cli->arena);
    copy_write(copy, path);
    tensors_close(file);
}

/* The checkpoint is cut while prompts are learned on it: the run ends with its name. */
static void test_cut_checkpoint(void **state) {
    Cli *cli = *state;
    for (int jobs = 1; jobs <= 2; jobs++) {
        const char *name = jobs == 1 ? "one" : "two", *model = cli_path(cli, "%s.safetensors", name);
        const char *yaml = cli_experiment(cli, name, "vit",
                                          "grid: {num_shots: 1, seed: [1, 2, 3]}\noptim: {max_epoch: 30}\n"
                                          "methods:\n  - coop: {n_ctx: [1, 2, 3, 4, 5, 6, 7, 8]}\n");
        write_floats(cli, model);
        cli_start(cli, (const char *const[]){"run", yaml, "--jobs", jobs == 1 ? "1" : "2", "--set",
                                             arena_printf(cli->arena, "model.weights=%s", model), NULL});
        for (int i = 0; i < 4000 && !cli_exists(cli_path(cli, "%s/results.jsonl", name)); i++)
            usleep(5000);
        assert_int_equal(truncate(model, 0), 0);
        assert_int_equal(cli_wait(cli), 4);
        assert_non_null(strstr(cli->err, arena_printf(cli->arena, "%s: was cut while being read\n", model)));
        assert_null(strstr(cli->out, "report"));
    }
}

/* As in `coop ... | head` once head has gone. */
static void gone_reader(void) {
    int ends[2];
    if (pipe(ends) == 0) {
        dup2(ends[1], STDOUT_FILENO);
        close(ends[0]);
        close(ends[1]);
    }
}

static void assert_ends_quietly(Cli *cli, const char *const *words) {
    cli->before = gone_reader;
    cli_expect(cli, 128 + SIGPIPE, words);
    const char *line = strstr(cli->err, "QuickGELU is assumed"); /* which is said even with --quiet */
    assert_string_equal(line ? strchr(line, '\n') + 1 : cli->err, "");
}

/* Nothing is said of a reader that has gone; a run does all its work first. */
static void test_gone_reader(void **state) {
    Cli *cli = *state;
    const char *const lines[][10] = {
        {"datasets"},
        {"datasets", "--json"},
        {"inspect", FIXTURES "clip_vit.safetensors"},
        {"--help"},
        {"classify", "--help"},
        {"zeroshot", MODEL, "--quiet", "--classes=a,b", FIXTURES "images/shape05/0004.jpg", NULL}};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        assert_ends_quietly(cli, lines[i]);
    const char *yaml = cli_experiment(cli, "out", "vit",
                                      "grid: {num_shots: 1, seed: 1}\noptim: {max_epoch: 2}\n"
                                      "methods: [zeroshot: {}, coop: {n_ctx: 2}]\n");
    assert_ends_quietly(cli, (const char *const[]){"run", yaml, "--quiet", NULL});
    assert_int_equal(cli_results(cli, "out", NULL).n, 2);
    assert_true(cli_exists(cli_path(cli, "out/report.html")));
    assert_true(cli_exists(cli_path(cli, "out/results.csv")));
    assert_ends_quietly(cli, (const char *const[]){"run", yaml, "--quiet", NULL}); /* the table alone */
    cli_ok(cli, "run", yaml);
    assert_non_null(strstr(cli->err, "2 of 2 points are already finished\n\n"));
}

int main(void) {
    const struct CMUnitTest tests[] = {CLI_TEST(test_address_space), CLI_TEST(test_no_other_threads),
                                       CLI_TEST(test_cut_checkpoint), CLI_TEST(test_gone_reader)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
