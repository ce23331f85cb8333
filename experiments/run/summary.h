/* summary.h: the tables that a study ends with.
 *
 * Each experiment gets a table of its accuracies by number of shots. One with targets also gets, for each
 * number of shots, a table with a column per dataset, their average, and for base-to-new the harmonic mean H.
 * Several datasets with one checkpoint get a table of the average over datasets.
 */
#ifndef EXPERIMENTS_RUN_SUMMARY_H
#define EXPERIMENTS_RUN_SUMMARY_H

#include "experiments/stage/stage.h"

#include <stdio.h>

/* The stages must be expanded, and those of one checkpoint be neighbours. */
int summary_print(FILE *out, const Stage *stages, int n, const ResultList *results, Arena *arena, Error *err);

#endif
