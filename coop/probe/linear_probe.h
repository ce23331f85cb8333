/* linear_probe.h: L2-regularised logistic regression on frozen image features.
 *
 * Radford et al. 2021, section 3.2 and the protocol of CoOp's lpclip (Zhou et al. 2022): features before
 * normalisation, L-BFGS (1,000 iterations), C searched on the validation items over {1e6, 1e4, 1e2, 1, 1e-2,
 * 1e-4, 1e-6}, then 8 bisection steps in log10 around the peak, ties to the left. The objective is
 * scikit-learn's LogisticRegression(solver="lbfgs"): sum of cross-entropies * C + ||W||^2 / 2, the intercept
 * unpenalised. Softmax for three classes and more, a plain sigmoid for two. The stopping rule is
 * scikit-learn's too (that of 1.x, which first divides the objective by C and the number of items), because a
 * probe at a large C stops far from the optimum.
 */
#ifndef COOP_PROBE_LINEAR_PROBE_H
#define COOP_PROBE_LINEAR_PROBE_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"

typedef struct {
    int n_classes, n_features; /* K, E */
    double *weights;           /* (K, E) */
    double *bias;              /* (K) */
    double C;                  /* the chosen inverse regularisation */
    double val_accuracy;       /* at that C, in 0..1; linear_probe_fit: on the training items */
    size_t n_parameters;       /* that the fit determines: E + 1 for each fitted class, E + 1 for two */
} LinearProbe;

typedef struct {
    const float *features; /* (n, E), not normalised */
    const int *labels;     /* (n) in 0..K-1 */
    int n;
} ProbeData;

/* Fits at one C. probe's arrays are owned by the arena. A sigmoid's weights w (two classes) are given as the
 * rows -w/2 and w/2: a softmax of those scores is that sigmoid. Like scikit-learn this fits the classes that
 * have training items; any other class gets zero weights and a bias of -1e30, and is never predicted. Fails
 * with ERROR_RUN without training items, when a feature is not finite, when memory runs out, when L-BFGS
 * finds no finite objective, and with its error when the pool is stopped; a fit that stops at the last
 * iteration, or where rounding hides all further descent, is a success. */
int linear_probe_fit(LinearProbe *probe, const ProbeData *train, int n_features, int n_classes, double C,
                     Pool *pool, Arena *arena, Error *err);

/* The whole protocol: search C on val (on train when val is NULL or empty), then the probe at the chosen C.
 */
int linear_probe_search(LinearProbe *probe, const ProbeData *train, const ProbeData *val, int n_features,
                        int n_classes, Pool *pool, Arena *arena, Error *err);

/* scores (n, K) = features W^T + b. */
void linear_probe_scores(const LinearProbe *probe, float *scores, const float *features, int n);

/* What a fit minimises, public for its tests: the mean cross-entropy + ||W||^2 / (2 C n), and its gradient.
 *   parameters, gradient (R, E + 1): a weight row and its bias for each of the R = K classes that have items,
 * in order of label; R = 1 for two classes, where the row is the sigmoid's. */
int linear_probe_objective(double *loss, double *gradient, const double *parameters, const ProbeData *train,
                           int n_features, int n_classes, double C, Pool *pool, Arena *arena, Error *err);

#endif
