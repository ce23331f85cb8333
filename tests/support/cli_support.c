/* cli_support.c: see cli_support.h */
#include "tests/support/cli_support.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

enum { MAX_WORDS = 64 };

/* BUILD/tests/ROOM/test_x -> BUILD/coop */
static void find_program(char *out, size_t size) {
    const char *given = getenv("COOP");
    char own[4000];
    ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
    own[n > 0 ? n : 0] = '\0';
    char *tests = NULL;
    for (char *at = strstr(own, "/tests/"); at; at = strstr(at + 1, "/tests/"))
        tests = at;
    if (tests)
        *tests = '\0';
    if (given)
        snprintf(out, size, "%s", given);
    else
        snprintf(out, size, "%s/coop", own);
}

int cli_setup(void **state) {
    Cli *cli = calloc(1, sizeof *cli);
    if (!cli || scratch_setup(&cli->scratch) || !(cli->arena = arena_create()))
        return -1;
    find_program(cli->program, sizeof cli->program);
    if (access(cli->program, X_OK) != 0) {
        fprintf(stderr, "%s: %s; build it first, or say where it is in COOP\n", cli->program,
                strerror(errno));
        return -1;
    }
    *state = cli;
    return 0;
}

int cli_teardown(void **state) {
    Cli *cli = *state;
    if (cli->child > 0) {
        kill(cli->child, SIGKILL);
        waitpid(cli->child, NULL, 0);
    }
    for (int i = 0; i < 2; i++)
        if (cli->streams[i])
            fclose(cli->streams[i]);
    arena_free(cli->arena);
    int result = scratch_teardown(&cli->scratch);
    free(cli);
    return result;
}

const char *cli_path(Cli *cli, const char *format, ...) {
    char name[4096];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    return arena_printf(cli->arena, "%s/%s", (const char *)cli->scratch, name);
}

/* --- processes --- */

void cli_start(Cli *cli, const char *const *words) {
    char *argv[MAX_WORDS + 2] = {cli->program};
    for (int i = 0; words[i]; i++) {
        assert_true(i < MAX_WORDS);
        argv[i + 1] = (char *)(uintptr_t)words[i];
    }
    for (int i = 0; i < 2; i++) {
        cli->streams[i] = tmpfile();
        assert_non_null(cli->streams[i]);
    }
    cli->seconds = clock_seconds();
    cli->child = fork();
    assert_true(cli->child >= 0);
    if (cli->child == 0) {
        dup2(fileno(cli->streams[0]), STDOUT_FILENO);
        dup2(fileno(cli->streams[1]), STDERR_FILENO);
        int null = open("/dev/null", O_RDONLY);
        dup2(null, STDIN_FILENO);
        for (int fd = 3; fd < 64; fd++)
            close(fd);
        signal(SIGINT, SIG_DFL); /* ignored where the tests run in the background */
        if (cli->before)
            cli->before();
        execv(cli->program, argv);
        _exit(127);
    }
}

static char *read_stream(Cli *cli, FILE *stream) {
    struct stat info;
    assert_int_equal(fstat(fileno(stream), &info), 0);
    char *text = ARENA_NEW(cli->arena, char, info.st_size + 1);
    assert_int_equal(pread(fileno(stream), text, (size_t)info.st_size, 0), info.st_size);
    return text;
}

int cli_wait(Cli *cli) {
    int status;
    while (waitpid(cli->child, &status, 0) < 0)
        assert_int_equal(errno, EINTR);
    cli->seconds = clock_seconds() - cli->seconds;
    cli->child = 0;
    cli->before = NULL;
    cli->status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    cli->out = read_stream(cli, cli->streams[0]);
    cli->err = read_stream(cli, cli->streams[1]);
    for (int i = 0; i < 2; i++) {
        fclose(cli->streams[i]);
        cli->streams[i] = NULL;
    }
    return cli->status;
}

bool cli_survives(Cli *cli, const char *const *words, double seconds, int signal) {
    cli_start(cli, words);
    if (seconds >= 0) {
        const struct timespec time = {(time_t)seconds, (long)(1e9 * (seconds - (double)(time_t)seconds))};
        nanosleep(&time, NULL);
        kill(cli->child, signal);
    }
    cli_wait(cli);
    if (cli->status != 0 && cli->status != 128 + signal)
        fail_msg("status %d after signal %d:\n%s", cli->status, signal, cli->err);
    return cli->status == 0;
}

static char *command_line(Cli *cli, const char *const *words) {
    char *line = arena_strdup(cli->arena, "coop");
    for (int i = 0; words[i]; i++)
        line = arena_printf(cli->arena, "%s %s", line, words[i]);
    return line;
}

void cli_expect(Cli *cli, int status, const char *const *words) {
    cli_start(cli, words);
    if (cli_wait(cli) != status)
        fail_msg("%s\nended with status %d where %d is right:\n%s%s", command_line(cli, words), cli->status,
                 status, cli->out, cli->err);
}

void cli_expect_refusal(Cli *cli, int status, const char *start, const char *part, const char *const *words) {
    cli_expect(cli, status, words);
    const char *newline = strchr(cli->err, '\n');
    if (cli->out[0] || !newline || newline[1] || strncmp(cli->err, start, strlen(start)) != 0 ||
        !strstr(cli->err, part))
        fail_msg("%s\nsaid:\n%s%sexpected: %s ... %s", command_line(cli, words), cli->out, cli->err, start,
                 part);
}

/* --- experiments and their results --- */

const char *cli_experiment(Cli *cli, const char *name, const char *kind, const char *rest) {
    const char *path = cli_path(cli, "%s.yaml", name);
    char *text =
        arena_printf(cli->arena,
                     "output: %s\n"
                     "model: {weights: " FIXTURES "clip_%s.safetensors, vocab: " FIXTURES "merges.txt.gz}\n"
                     "dataset: {format: split, images: " FIXTURES "images, split: " FIXTURES
                     "split_zhou_Golden.json}\n%s\n",
                     cli_path(cli, "%s", name), kind, rest);
    scratch_file(path, text, strlen(text));
    return path;
}

ResultList cli_results(Cli *cli, const char *output, int *lines) {
    ResultList list;
    Error err = {0};
    const char *folder = cli_path(cli, "%s", output);
    if (results_read(&list, folder, cli->arena, &err) < 0)
        fail_msg("%s", err.text);
    if (lines) {
        size_t size;
        char *text = cli_read(cli, cli_path(cli, "%s/results.jsonl", output), &size);
        *lines = 0;
        for (size_t i = 0; i < size; i++)
            *lines += text[i] == '\n';
    }
    return list;
}

const char *cli_point_file(Cli *cli, const char *output, const char *label, int seed, const char *name) {
    ResultList list = cli_results(cli, output, NULL);
    for (int i = 0; i < list.n; i++)
        if (strcmp(list.results[i].label, label) == 0 && (seed < 0 || list.results[i].seed == seed))
            return cli_path(cli, "%s/%s/%s", output, list.results[i].folder, name);
    fail_msg("%s: no result '%s'", output, label);
    return NULL;
}

/* --- files --- */

char *cli_read(Cli *cli, const char *path, size_t *size) {
    Error err = {0};
    char *text = file_read(path, (size_t)1 << 30, cli->arena, size, &err);
    if (!text)
        fail_msg("%s", err.text);
    return text;
}

void cli_copy(const char *from, const char *to) {
    Error err = {0};
    FileMap map;
    assert_int_equal(file_map(&map, from, &err), 0);
    scratch_file(to, map.data, map.size);
    file_unmap(&map);
}

void cli_assert_same_files(Cli *cli, const char *a, const char *b) {
    size_t n_a, n_b;
    char *bytes_a = cli_read(cli, a, &n_a), *bytes_b = cli_read(cli, b, &n_b);
    if (n_a != n_b || memcmp(bytes_a, bytes_b, n_a) != 0)
        fail_msg("%s and %s differ", a, b);
}

bool cli_exists(const char *path) {
    return access(path, F_OK) == 0;
}

void cli_assert_golden(Cli *cli, const char *path, const char *tensor, const char *kind, const char *golden,
                       double tolerance) {
    TensorFile *ours = fixture_open(path);
    TensorFile *theirs = fixture_open(arena_printf(cli->arena, FIXTURES "golden_%s.safetensors", kind));
    size_t n, n_expected;
    const float *values = fixture_floats(ours, tensor, cli->arena, &n);
    const float *expected = fixture_floats(theirs, golden, cli->arena, &n_expected);
    assert_int_equal(n, n_expected);
    assert_close(golden, values, expected, n, tolerance);
    tensors_close(ours);
    tensors_close(theirs);
}
