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

/* What was typed, and what command_parse finds in it. */
typedef struct {
    int argc;     /* behind the command's name */
    char **argv;  /* (argc) */
    Arena *arena; /* for everything that the command needs; the caller frees it */
    CommonOptions common;
    OptionTexts words; /* that are no options, in order */
} CommandLine;

enum { ANY_NUMBER = -1 };

typedef struct {
    const char *name;
    const char *usage;            /* "coop classify PROMPT IMAGE... [--top K] [--json]" */
    const char *summary;          /* one line */
    const char *help;             /* more lines, or NULL */
    void (*more_help)(FILE *out); /* what follows the example, or NULL */
    const char *example;          /* one command that works */
    int min_words, max_words;     /* how many it takes; max_words may be ANY_NUMBER */
    int (*run)(CommandLine *line, Error *err);
} Command;

/* Fills in common and words of the line, with the options of the command (n_options) and the common ones; of
 * two with one name the command's own counts. Serves --help: returns 1 when the help was printed and there is
 * nothing left to do, 0 to go on, -1 with an error. */
int command_parse(CommandLine *line, const Command *command, const Option *options, int n_options,
                  Error *err);

#endif
