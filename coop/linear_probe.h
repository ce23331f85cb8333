/* linear_probe.h: L2-regularised multinomial logistic regression on frozen image features.
 *
 * Radford et al. 2021, section 3.2 and the protocol of CoOp's lpclip (Zhou et al. 2022): features before
 * normalisation, L-BFGS (1,000 iterations), C searched on the validation items over {1e6, 1e4, 1e2, 1, 1e-2, 1e-4,
 * 1e-6}, then 8 bisection steps in log10 around the peak, ties to the left. The objective is scikit-learn's
 * LogisticRegression(solver="lbfgs"): sum of cross-entropies * C + ||W||^2 / 2, the intercept unpenalised.
 */
#ifndef COOP_LINEAR_PROBE_H
#define COOP_LINEAR_PROBE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"

typedef struct {
    int n_classes, n_features; /* K, E */
    double *weights;           /* (K, E) */
    double *bias;              /* (K) */
    double C;                  /* the chosen inverse regularisation */
    double val_accuracy;       /* at that C, in 0..1 */
} LinearProbe;

typedef struct {
    const float *features; /* (n, E), not normalised */
    const int *labels;     /* (n) in 0..K-1 */
    int n;
} ProbeData;

/* Fits at one C. probe's arrays are owned by the arena. A binary problem (K = 2) is fitted as scikit-learn >= 1.? does with
 * its multinomial loss. Fails with ERROR_RUN when L-BFGS does. */
int linear_probe_fit(LinearProbe *probe, const ProbeData *train, int n_features, int n_classes, double C, Pool *pool,
                     Arena *arena, Error *err);

/* The whole protocol: search C on val (on train when val is empty), then the probe at the chosen C. */
int linear_probe_search(LinearProbe *probe, const ProbeData *train, const ProbeData *val, int n_features,
                        int n_classes, Pool *pool, Arena *arena, Error *err);

/* scores (n, K) = features W^T + b. */
void linear_probe_scores(const LinearProbe *probe, float *scores, const float *features, int n);

#endif
