/* run_options.h: how a study is run. */
#ifndef EXPERIMENTS_STAGE_RUN_OPTIONS_H
#define EXPERIMENTS_STAGE_RUN_OPTIONS_H

#include "experiments/ranks/ranks.h"

#include <stdbool.h>

typedef struct {
    int n_threads; /* 0: one per core */
    int n_jobs;    /* points side by side, each with its share of threads and memory; 0 is 1 */
    bool quiet, dry_run;
    RankGroup *ranks; /* with whom the points are shared; NULL: nobody */
} RunOptions;

#endif
