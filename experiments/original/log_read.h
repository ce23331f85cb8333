/* log_read.h: what a log.txt of the original tells: its arguments, its config, its result. */
#ifndef EXPERIMENTS_ORIGINAL_LOG_READ_H
#define EXPERIMENTS_ORIGINAL_LOG_READ_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <stdbool.h>

typedef struct {
    const char *path;
    const char *trainer, *model_dir; /* of the arguments; "" where there is none */
    bool eval_only;
    const char *config; /* the text below "** Config **", which YAML reads */
    int config_line;    /* of its first line */

    bool of_val;               /* the last result is of the validation images */
    bool has_result;           /* of a training that has finished, or of a test; else the rest is empty */
    double accuracy, macro_f1; /* percent; NaN: not told */
    long total, correct;       /* images; 0: not told */
    double *per_class;         /* (n_classes) percent; NULL: not told */
    int n_classes;
    double seconds, loss; /* Elapsed, and the last mean of the loss; NaN: not told */
} LoggedRun;

/* Owned by the arena. ERROR_INPUT for a file without arguments and config. */
int log_read(LoggedRun *run, const char *path, Arena *arena, Error *err);

#endif
