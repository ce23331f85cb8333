/* options.h: command-line options from one table per command, and help made from the same table. */
#ifndef EXPERIMENTS_TERMINAL_OPTIONS_H
#define EXPERIMENTS_TERMINAL_OPTIONS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stdio.h>

typedef enum { OPTION_FLAG, OPTION_INT, OPTION_TEXT, OPTION_TEXTS } OptionKind;

/* The texts of an option that may be repeated, or words, in order. */
typedef struct {
    const char **values;
    int n;
} OptionTexts;

typedef struct {
    const char *name; /* without "--" */
    OptionKind kind;
    void *value;          /* bool *, int *, const char **, OptionTexts * */
    int min, max;         /* OPTION_INT */
    const char *argument; /* "N", "FILE"; NULL for a flag */
    const char *help;
} Option;

/* Reads argv[0 .. argc-1]: "--name value", "--name=value", flags alone, "--" before words that begin with
 * '-'; the other words go to words (in order, owned by the arena). An unknown option names the nearest one.
 * ERROR_USAGE. */
int options_parse(OptionTexts *words, int argc, char **argv, const Option *options, int n_options,
                  Arena *arena, Error *err);

/* Two columns: "--top K    labels per image". */
void options_help(FILE *out, const Option *options, int n_options);

#endif
