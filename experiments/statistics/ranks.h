/* ranks.h: average ranks of methods over datasets, Friedman's test and Nemenyi's critical difference.
 *
 * Source: Demsar, "Statistical Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006, section
 * 3.2.2. On each dataset the best method has rank 1, and equal ones share the mean of their ranks. Friedman's
 * chi-square is corrected for ties, as in SciPy. Two methods differ (at 5 %, all pairs considered) when their
 * average ranks differ by more than q sqrt(k (k + 1) / (6 N)); Demsar's table of q is computed here, for any
 * k.
 */
#ifndef EXPERIMENTS_STATISTICS_RANKS_H
#define EXPERIMENTS_STATISTICS_RANKS_H

#include "clip/base/arena.h"

#include <stdbool.h>

typedef struct {
    int k, n;          /* methods, datasets */
    double *average;   /* (k) */
    double chi_square; /* with k - 1 degrees of freedom; NaN of fewer than three methods, or if all tie */
    double p_value;    /* the chi-square distribution's, which is near for many datasets */
    double critical;   /* the critical difference */
} Ranks;

/* values (n, k): higher is better; k, n >= 2. The average is owned by the arena; false when memory is out. */
bool ranks_average(Ranks *ranks, const double *values, int n, int k, Arena *arena);

#endif
