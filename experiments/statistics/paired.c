/* paired.c: see paired.h */
#include "experiments/statistics/paired.h"

#include "experiments/statistics/distributions.h"

#include <math.h>

/* Two passes, so that the spread of close numbers is exact. */
static double half_width(const double *differences, int n, double mean) {
    double squares = 0;
    for (int i = 0; i < n; i++)
        squares += (differences[i] - mean) * (differences[i] - mean);
    return student_quantile(0.95, n - 1) * sqrt(squares / (n - 1) / n);
}

Paired paired_interval(const double *differences, int n) {
    Paired paired = {.n = n, .mean = NAN, .half_width = NAN};
    double sum = 0;
    for (int i = 0; i < n; i++) {
        sum += differences[i];
        paired.wins += differences[i] > PAIRED_TIE;
        paired.losses += differences[i] < -PAIRED_TIE;
    }
    paired.ties = n - paired.wins - paired.losses;
    if (n > 0)
        paired.mean = sum / n;
    if (n > 1)
        paired.half_width = half_width(differences, n, paired.mean);
    return paired;
}
