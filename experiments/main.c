/* main.c: the program `coop`: finds the subcommand, prints its error, ends with its status. */
#include "clip/base/nearest.h"
#include "coop/coop.h"
#include "experiments/commands/commands.h"
#include "experiments/ranks/ranks.h"
#include "experiments/terminal/bus_error.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/output.h"
#include "experiments/terminal/printable.h"
#include "experiments/terminal/processors.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const Command *const COMMANDS[] = {
    &command_init,     &command_check,    &command_run,     &command_pretrain, &command_eval,
    &command_classify, &command_zeroshot, &command_words,   &command_encode,   &command_index,
    &command_search,   &command_retrieve, &command_inspect, &command_export,   &command_models,
    &command_datasets, &command_report,   &command_bench,   &command_train,    &command_import,
    &command_match,    &command_ask,      &command_serve};
enum { N_COMMANDS = sizeof COMMANDS / sizeof *COMMANDS };

static void print_overview(FILE *out) {
    fprintf(out, "coop: prompt learning for CLIP\n\nusage: coop COMMAND ...\n\n");
    for (int i = 0; i < N_COMMANDS; i++)
        fprintf(out, "  %-10s %s\n", COMMANDS[i]->name, COMMANDS[i]->summary);
    fprintf(out, "\ncoop COMMAND --help explains a command and gives an example; coop --version.\n");
}

static int unknown_command(const char *word) {
    const char *names[N_COMMANDS];
    for (int i = 0; i < N_COMMANDS; i++)
        names[i] = COMMANDS[i]->name;
    const char *nearest = nearest_word(word, names, N_COMMANDS);
    if (nearest)
        print_line(stderr, "coop: unknown command '%s' (did you mean '%s'?)", word, nearest);
    else
        print_line(stderr, "coop: unknown command '%s'; coop --help lists them", word);
    return ERROR_USAGE;
}

/* Says why, and returns the status. Nothing is said when the reader of a pipe has gone: it has what it
 * wanted. A message about a file begins with the file, as a compiler's does. */
static int fail(const char *name, const Error *err) {
    if (err->kind == ERROR_SIGNAL && !interrupt_signal())
        return ERROR_SIGNAL + SIGPIPE;
    if (err->kind == ERROR_INPUT)
        fprintf(stderr, "%s\n", err->text);
    else
        fprintf(stderr, "coop%s%s: %s\n", *name ? " " : "", name, err->text);
    return err->kind == ERROR_SIGNAL ? ERROR_SIGNAL + interrupt_signal() : (int)err->kind;
}

/* Of several ranks the first does what is to be done; the others help it with what is shared, and are silent.
 */
static int run_command(const Command *command, int argc, char **argv, RankGroup *ranks) {
    Error err = {0}, lost = {0};
    const bool helps = ranks_index(ranks) > 0;
    if (helps && !command->is_shared)
        return 0;
    if (ranks_count(ranks) > 1 && !command->is_shared)
        fprintf(stderr, "note: coop %s does not share its work: one of %d ranks does it\n", command->name,
                ranks_count(ranks));
    Arena *arena = arena_create();
    CommandLine line = {.argc = argc, .argv = argv, .arena = arena, .ranks = ranks};
    int result = arena ? command->run(&line, &err) : error_memory(&err);
    if (result == 0 && arena_failed(arena)) /* a name is printed as "?" */
        result = error_memory(&err);
    if ((result == 0 || err.kind == ERROR_PARTLY) && output_flush(&lost) < 0) {
        result = -1;
        err = lost;
    }
    arena_free(arena);
    return result == 0 || helps ? 0 : fail(command->name, &err);
}

/* A closed standard stream would lend its number to the next file, and the results would be printed into
 * that. Opened the wrong way round, it takes the number and fails like a closed one. */
static void hold_standard_streams(void) {
    for (int stream = 0; stream < 3; stream++)
        if (fcntl(stream, F_GETFD) < 0 && open("/dev/null", stream == 0 ? O_WRONLY : O_RDONLY) < 0)
            return;
}

static const Command *find_command(const char *name) {
    for (int i = 0; i < N_COMMANDS; i++)
        if (strcmp(name, COMMANDS[i]->name) == 0)
            return COMMANDS[i];
    return NULL;
}

static int finish(void) {
    Error err = {0};
    return output_flush(&err) == 0 ? 0 : fail("", &err);
}

/* The overview, or the help of one command: "coop help run" is "coop run --help". */
static int help(const char *name) {
    const Command *command = name ? find_command(name) : NULL;
    if (command)
        return run_command(command, 1, (char *[]){(char[]){"--help"}, NULL}, NULL);
    if (name)
        return unknown_command(name);
    print_overview(stdout);
    return finish();
}

static int version(void) {
    printf("coop " COOP_VERSION "\n");
    return finish();
}

static int dispatch(int argc, char **argv, RankGroup *ranks) {
    const Command *command = argc < 2 ? NULL : find_command(argv[1]);
    if (command)
        return run_command(command, argc - 2, argv + 2, ranks);
    if (ranks_index(ranks) > 0)
        return 0;
    if (argc < 2) {
        print_overview(stderr);
        return ERROR_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return help(argv[2]);
    return strcmp(argv[1], "--version") == 0 ? version() : unknown_command(argv[1]);
}

int main(int argc, char **argv) {
    Error err = {0};
    RankGroup *ranks;
    processors_show_all();
    hold_standard_streams();
    if (ranks_open(&ranks, &err) < 0)
        return fail("", &err);
    interrupt_install();
    bus_error_install();
    if (ranks_index(ranks) > 0 && !freopen("/dev/null", "w", stdout))
        ranks_abort(ranks, "/dev/null: cannot open");
    const int status = dispatch(argc, argv, ranks);
    ranks_close(ranks);
    return status;
}
