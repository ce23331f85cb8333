/* cli_support.h: the program `coop` as its users see it: started in a process of its own, with what it prints
 * and the status that it ends with. */
#ifndef TESTS_SUPPORT_CLI_SUPPORT_H
#define TESTS_SUPPORT_CLI_SUPPORT_H

#include "clip/base/arena.h"
#include "clip/tensors/tensors.h"
#include "experiments/results/results.h"

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

/* cmocka state: a scratch folder, and the last process. */
typedef struct {
    void *scratch;
    Arena *arena;
    char program[4096]; /* COOP of the environment, or coop in the folder above `tests`, which this test is in
                         */
    void (*before)(void); /* called in the next child alone, before it becomes the program; or NULL */
    FILE *streams[2];     /* of the running child: its stdout and stderr */
    pid_t child;
    int status;      /* as a shell shows it: 128 + the number of a signal that killed it */
    char *out, *err; /* all that it has printed; owned by the arena */
    double seconds;
} Cli;

int cli_setup(void **state);
int cli_teardown(void **state);
#define CLI_TEST(function) cmocka_unit_test_setup_teardown(function, cli_setup, cli_teardown)

/* SCRATCH/name (formatted), owned by the arena. */
const char *cli_path(Cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Starts coop with these words, the last one NULL, without waiting. */
void cli_start(Cli *cli, const char *const *words);
/* Waits for it; returns cli->status. */
int cli_wait(Cli *cli);
/* Starts it, sends the signal after so many seconds, unless that is negative, and waits. False when the
 * signal ended it; fails the test unless it ends by that or with status 0. */
bool cli_survives(Cli *cli, const char *const *words, double seconds, int signal);
/* Both: cli_run(cli, "inspect", path). */
#define cli_run(cli, ...) (cli_start((cli), (const char *const[]){__VA_ARGS__, NULL}), cli_wait(cli))
/* The same; fails the test, showing what was printed, unless the status is 0. */
#define cli_ok(cli, ...) cli_expect((cli), 0, (const char *const[]){__VA_ARGS__, NULL})
void cli_expect(Cli *cli, int status, const char *const *words);

/* Fails the test unless the status is as given and stderr is one line that begins with `start` and holds
 * `part`, and stdout is empty. */
#define cli_refuses(cli, status, start, part, ...)                                                           \
    cli_expect_refusal((cli), (status), (start), (part), (const char *const[]){__VA_ARGS__, NULL})
void cli_expect_refusal(Cli *cli, int status, const char *start, const char *part, const char *const *words);

/* SCRATCH/NAME.yaml: an experiment on the golden images with clip_KIND.safetensors ("vit", "rn") and output
 * SCRATCH/NAME; rest is what follows, grid and methods at least. Returns its path. */
const char *cli_experiment(Cli *cli, const char *name, const char *kind, const char *rest);

/* The results of an output folder, sorted as in the file; lines (may be NULL) counts those of the file. */
ResultList cli_results(Cli *cli, const char *output, int *lines);
/* SCRATCH/output/FOLDER OF THE POINT/name, of the result with this label (and seed, if >= 0). */
const char *cli_point_file(Cli *cli, const char *output, const char *label, int seed, const char *name);

/* Copies of fixtures, and comparisons of files. */
void cli_copy(const char *from, const char *to);
char *cli_read(Cli *cli, const char *path, size_t *size);
void cli_assert_same_files(Cli *cli, const char *a, const char *b);
bool cli_exists(const char *path);

/* The tensor of a file against one of the golden file of the kind: relative error. */
void cli_assert_golden(Cli *cli, const char *path, const char *tensor, const char *kind, const char *golden,
                       double tolerance);

/* How far a command's numbers may be from this program's own: valgrind shows a program another processor than
 * the commands that it starts have. */
#ifdef NO_FUSED
#define CLI_SAME 1e-4
#else
#define CLI_SAME 1e-8
#endif

#endif
