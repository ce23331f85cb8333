/* distributions.h: the quantiles and tails that intervals and tests need.
 *
 * Degrees of freedom are whole numbers here, so that closed forms exist: finite sums, without a rounding that
 * grows (Abramowitz and Stegun, 26.7.3, 26.7.4, 26.4.4, 26.4.5). Ten digits are right.
 */
#ifndef EXPERIMENTS_STATISTICS_DISTRIBUTIONS_H
#define EXPERIMENTS_STATISTICS_DISTRIBUTIONS_H

/* The t with P(|T| <= t) = level of Student's T; df >= 1, 0 < level < 1. */
double student_quantile(double level, int df);

/* P(X > x) of a chi-square X; df >= 1, x >= 0. */
double chi_square_tail(double x, int df);

/* The q with P(Q <= q) = level of the range Q of k >= 2 independent standard normal numbers: the studentized
 * range with infinitely many degrees of freedom. */
double normal_range_quantile(double level, int k);

#endif
