/* command.h: what every subcommand of `coop` is made of. */
#ifndef EXPERIMENTS_COMMANDS_COMMAND_H
#define EXPERIMENTS_COMMANDS_COMMAND_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "experiments/terminal/options.h"

#include <stdio.h>

/* What every command takes. */
typedef struct {
    int threads; /* --threads N; 0 is one per core */
    bool quiet;  /* --quiet */
    bool help;   /* --help */
} CommonOptions;

typedef struct {
    const char *name;
    const char *usage;            /* "coop classify PROMPT IMAGE... [--top K] [--json]" */
    const char *summary;          /* one line */
    const char *help;             /* more lines, or NULL */
    void (*more_help)(FILE *out); /* what follows the example, or NULL */
    const char *example;          /* one command that works */
    /* argv begins behind the command's name. Everything may be allocated in the arena, which the caller
     * frees. */
    int (*run)(int argc, char **argv, Arena *arena, Error *err);
} Command;

extern const Command command_init, command_run, command_eval, command_classify, command_zeroshot,
    command_words, command_encode, command_inspect, command_export, command_models, command_datasets,
    command_report, command_bench;

/* options_parse with the common options added (a command's own goes before one of the same name), and --help
 * served: returns 1 when the help was printed and there is nothing left to do, 0 to go on, -1 with an error.
 * min_words and max_words (-1: no bound) bound the words. */
int command_parse(const Command *command, OptionTexts *words, CommonOptions *common, int argc, char **argv,
                  const Option *options, int n_options, int min_words, int max_words, Arena *arena,
                  Error *err);

#endif
