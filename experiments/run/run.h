/* run.h: a study from its file to its tables. */
#ifndef EXPERIMENTS_RUN_RUN_H
#define EXPERIMENTS_RUN_RUN_H

#include "experiments/config/study.h"
#include "experiments/stage/run_options.h"

/* Runs every point that has no result yet, then prints the tables on stdout. All experiments are checked
 * before anything is written, and every image of an experiment is read before its first point. A point that
 * fails for a reason of its own does not stop the others; it is named at the end. */
int study_run(const Study *study, const RunOptions *options, Error *err);

#endif
