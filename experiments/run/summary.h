/* summary.h: the tables that a study ends with.
 *
 * For each experiment its accuracies by number of shots; where it has targets, for each number of shots a
 * table with a column per dataset, their average, and for base-to-new the harmonic mean H; for several
 * datasets with one checkpoint the average over datasets.
 */
#ifndef EXPERIMENTS_RUN_SUMMARY_H
#define EXPERIMENTS_RUN_SUMMARY_H

#include "experiments/run/stage.h"

#include <stdio.h>

/* Stages are expanded; those of one checkpoint are neighbours. */
int summary_print(FILE *out, const Stage *stages, int n, const ResultList *results, Arena *arena, Error *err);

#endif
