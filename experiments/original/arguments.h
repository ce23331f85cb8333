/* arguments.h: the command line of the original train.py, as argparse reads it: a long option may be cut as
 * long as it stays the only one that begins so, "--seed=1" is "--seed 1", an option of several values takes
 * all words up to the next option, and the first word that belongs to no option begins the KEY VALUE pairs,
 * which go on to the end.
 */
#ifndef EXPERIMENTS_ORIGINAL_ARGUMENTS_H
#define EXPERIMENTS_ORIGINAL_ARGUMENTS_H

#include "clip/base/arena.h"
#include "clip/base/buffer.h"
#include "clip/base/error.h"

#include <stdbool.h>
#include <stdio.h>

typedef struct {
    const char **values; /* (n) */
    int n;
} Words;

typedef struct {
    /* of the original; texts are "" where they are not given */
    const char *root, *output_dir, *resume, *config_file, *dataset_config_file, *trainer, *backbone, *head;
    const char *model_dir;
    Words source_domains, target_domains, transforms, opts; /* n is 0 where they are not given */
    int seed, load_epoch;                                   /* -1 where they are not given */
    bool eval_only, no_train;

    /* ours */
    const char *cache; /* folder of encoded images; "" is the default */
    int threads;       /* 0: one per core */
    bool quiet, write_split_fewshot;
} Arguments;

/* Owned by the arena. ERROR_USAGE. */
int arguments_parse(Arguments *arguments, int argc, char **argv, Arena *arena, Error *err);

/* "backbone: \nconfig_file: ...": the arguments of the original, by name, as its print_args prints them. */
void arguments_print(Buffer *out, const Arguments *arguments);

/* The options of `coop train --help`, a line each. */
void arguments_help(FILE *out);

#endif
