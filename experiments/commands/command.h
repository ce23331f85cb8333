/* command.h: what every subcommand of `coop` is made of. */
#ifndef EXPERIMENTS_COMMANDS_COMMAND_H
#define EXPERIMENTS_COMMANDS_COMMAND_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "experiments/ranks/ranks.h"
#include "experiments/terminal/options.h"

#include <stdio.h>

/* What every command takes. */
typedef struct {
    int threads; /* --threads N; 0 is one per core */
    bool quiet;  /* --quiet */
    bool help;   /* --help */
} CommonOptions;

/* What was typed, and what command_parse found in it. */
typedef struct {
    int argc;     /* what follows the command's name */
    char **argv;  /* (argc) */
    Arena *arena; /* for everything that the command needs; the caller frees it */
    CommonOptions common;
    OptionTexts words; /* the words that are not options, in order */
    RankGroup *ranks;  /* with whom the work is shared; NULL: nobody */
} CommandLine;

enum { ANY_NUMBER = -1 };

typedef struct {
    const char *name;
    const char *usage;            /* "coop classify PROMPT IMAGE... [--top K] [--json]" */
    const char *summary;          /* one line */
    const char *help;             /* further lines, or NULL */
    void (*more_help)(FILE *out); /* prints what follows the example, or NULL */
    const char *example;          /* one command that works */
    int min_words, max_words;     /* how many words it takes; max_words may be ANY_NUMBER */
    bool is_shared;               /* several ranks do it together: run is called in all of them */
    int (*run)(CommandLine *line, Error *err);
} Command;

/* Reads the line by the command's options (n_options) and the common ones; an option of the command replaces
 * a common one of the same name. Fills in line->common and line->words. Returns 0 to go on, 1 when --help was
 * served and nothing is left to do, -1 with an error. */
int command_parse(CommandLine *line, const Command *command, const Option *options, int n_options,
                  Error *err);

/* Options of a checkpoint and of images, alike in several commands. */
#define OPTION_VOCAB(place)                                                                                  \
    { "vocab", OPTION_TEXT, place, 0, 0, "FILE", "its vocabulary (default: found beside the checkpoint)" }
#define OPTION_ACTIVATION(place)                                                                             \
    {                                                                                                        \
        "activation", OPTION_TEXT, place, 0, 0, "NAME",                                                      \
            "auto (default: as its config says), quick_gelu or gelu"                                         \
    }
#define OPTION_HEADS(place)                                                                                  \
    { "heads", OPTION_INT, place, 1, 1024, "N", "of the image tower, where the checkpoint does not tell" }
#define OPTION_PRECISION(place)                                                                              \
    { "precision", OPTION_TEXT, place, 0, 0, "NAME", "float32 (default), bfloat16 or auto" }
#define OPTION_EXIF(place)                                                                                   \
    {                                                                                                        \
        "exif", OPTION_TEXT, place, 0, 0, "USE",                                                             \
            "of images: ignore (default), or rotate: they are turned upright first"                          \
    }

#endif
