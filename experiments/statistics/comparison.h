/* comparison.h: methods (rows) compared with one of them, and ranked, over the datasets and seeds that they
 * share.
 *
 * A cell is a seed of a dataset. Seeds of one dataset are no independent samples of datasets: so where there
 * are several datasets they are the pairs, and the differences of the seeds that both rows have are averaged
 * first; the seeds of a single dataset are pairs themselves. A fixed row, one that learns nothing, has its
 * value at every seed of its dataset; two fixed rows on one dataset are a single pair.
 *
 * Rows may lack cells. To find the best row, and to rank, rows and pairs are chosen such that each of these
 * rows has each of these pairs, and there are as many values as possible: all pairs of one of the rows, or
 * those that all rows have (or, where that leaves no two rows, all that two of them share).
 */
#ifndef EXPERIMENTS_STATISTICS_COMPARISON_H
#define EXPERIMENTS_STATISTICS_COMPARISON_H

#include "experiments/statistics/paired.h"
#include "experiments/statistics/ranks.h"

typedef struct {
    const char *row, *dataset;
    int seed;
    bool fixed;
    double value; /* higher is better; NaN: missing */
} Observation;

typedef struct {
    Paired paired;   /* row minus baseline */
    int n_alone;     /* cells of the row that the baseline lacks */
    int n_unmatched; /* cells of the baseline that the row lacks */
} Difference;

typedef struct {
    const char **rows; /* (n_rows), in order of first appearance; borrowed */
    int n_rows, n_datasets;
    int baseline;            /* a row; -1: there is none of that name, or nothing has a value */
    Difference *differences; /* (n_rows); that of the baseline is empty */
    Ranks ranks;             /* over datasets; k is 0 where two rows do not share two datasets */
    double *rank;            /* (n_rows) the average rank; NaN of a row that is left out */
    int n_unranked;          /* datasets that are left out */
    int n_uneven;            /* ranked values that stand for fewer seeds than others of their dataset */
} Comparison;

/* baseline: a row's name; NULL: the best row. Owned by the arena; false when memory is out. */
bool comparison_make(Comparison *comparison, const Observation *observations, int n, const char *baseline,
                     Arena *arena);

#endif
