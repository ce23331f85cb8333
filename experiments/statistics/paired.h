/* paired.h: the mean of paired differences and its 95 % confidence interval.
 *
 * The interval is Student's for the mean of n independent differences: mean ± t(0.975, n - 1) s / sqrt(n),
 * with the s that divides by n - 1.
 */
#ifndef EXPERIMENTS_STATISTICS_PAIRED_H
#define EXPERIMENTS_STATISTICS_PAIRED_H

/* What differs by less is equal: sums in another order must not make a winner. */
#define PAIRED_TIE 1e-9

typedef struct {
    int n;                  /* pairs */
    double mean;            /* NaN without pairs */
    double half_width;      /* of the interval, 0 when all differences agree; NaN with fewer than two pairs */
    int wins, ties, losses; /* differences above, at and below 0 */
} Paired;

Paired paired_interval(const double *differences, int n);

#endif
