/* run.h: an experiment from its file to its table. */
#ifndef EXPERIMENTS_RUN_H
#define EXPERIMENTS_RUN_H

#include "experiments/config.h"

typedef struct {
    int n_threads; /* 0: one per core */
    bool quiet, dry_run;
} RunOptions;

/* Runs every point that has no result yet, then prints the table on stdout. Every image is read before
 * anything is written. A point that fails for a reason of its own is named at the end and does not stop the
 * others. */
int experiment_run(const Experiment *experiment, const RunOptions *options, Error *err);

#endif
