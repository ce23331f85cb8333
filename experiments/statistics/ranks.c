/* ranks.c: see ranks.h */
#include "experiments/statistics/ranks.h"

#include "experiments/statistics/distributions.h"
#include "experiments/statistics/paired.h"

#include <math.h>

/* The rank of one of the values (k) of a dataset; equal is how many have this value, itself included. */
static double rank_of(const double *values, int k, int which, int *equal) {
    int above = 0;
    *equal = 0;
    for (int j = 0; j < k; j++) {
        const double difference = values[j] - values[which];
        above += difference > PAIRED_TIE;
        *equal += fabs(difference) <= PAIRED_TIE;
    }
    return above + (*equal + 1) / 2.0;
}

/* 12 n / (k (k + 1)) times the sum of squared distances of the average ranks from (k + 1) / 2, over
 * 1 - sum(t^3 - t) / (n (k^3 - k)) of groups of t equal ones; tied is that sum. */
static double friedman(const Ranks *ranks, double tied) {
    const double k = ranks->k, n = ranks->n;
    double squares = 0;
    for (int j = 0; j < ranks->k; j++)
        squares += pow(ranks->average[j] - (k + 1) / 2, 2);
    const double untied = 1 - tied / (n * (k * k * k - k));
    return ranks->k > 2 && untied > 1e-12 ? 12 * n / (k * (k + 1)) * squares / untied : NAN;
}

bool ranks_average(Ranks *ranks, const double *values, int n, int k, Arena *arena) {
    *ranks = (Ranks){.k = k, .n = n, .average = ARENA_NEW(arena, double, k)};
    if (!ranks->average)
        return false;
    double tied = 0;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < k; j++) {
            int equal;
            ranks->average[j] += rank_of(values + (size_t)i * (size_t)k, k, j, &equal) / n;
            tied += (double)equal * equal - 1; /* t of these are t^3 - t */
        }
    ranks->chi_square = friedman(ranks, tied);
    ranks->p_value = isnan(ranks->chi_square) ? NAN : chi_square_tail(ranks->chi_square, k - 1);
    ranks->critical = normal_range_quantile(0.95, k) * M_SQRT1_2 * sqrt(k * (k + 1.0) / (6.0 * n));
    return true;
}
