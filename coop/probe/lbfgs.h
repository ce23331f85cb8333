/* lbfgs.h: L-BFGS: a minimum of a smooth function of many variables, found along the path of L-BFGS-B
 * without bounds. */
#ifndef COOP_PROBE_LBFGS_H
#define COOP_PROBE_LBFGS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

/* A function f of n variables that is asked along lines: what f needs of a direction it works out once for
 * all trials along it, and the gradient only where a trial is accepted. Anything but 0 stops the descent. */
typedef struct {
    /* *value = f(x) and gradient (n) = its gradient at x (n), where the descent begins. */
    int (*begin)(void *context, double *value, double *gradient, const double *x, Error *err);
    /* Trials are x + step direction (n) from now on, where x is the point of the last begin or move. */
    int (*aim)(void *context, const double *x, const double *direction, Error *err);
    /* *value = f, *slope = its derivative by the step. */
    int (*trial)(void *context, double *value, double *slope, double step, Error *err);
    /* gradient (n) at x (n), the last trial, to which the descent has moved. */
    int (*move)(void *context, double *gradient, const double *x, Error *err);
    void *context;
} LbfgsFunction;

typedef struct {
    double gradient_tolerance;  /* of the largest |derivative| */
    double reduction_tolerance; /* of what an iteration gains, relative to max(|f|, 1) */
    int max_iterations;
} LbfgsRules;

typedef enum {
    LBFGS_GRADIENT,  /* the gradient is small enough */
    LBFGS_REDUCTION, /* an iteration gained too little */
    LBFGS_LIMIT,     /* of iterations, or 15,000 evaluations */
    LBFGS_STUCK /* no lower point even along the steepest descent: rounding, or values that are not finite */
} LbfgsEnd;

typedef struct {
    LbfgsEnd end;
    double value;                /* f(x) */
    int iterations, evaluations; /* of f, a trial each but for the first */
} LbfgsResult;

/* x (n): on entry the start, on return the best point found. Fails when memory runs out and, with its error,
 * when the function fails; x is then some point of the path. */
int lbfgs_minimise(LbfgsResult *result, double *x, size_t n, const LbfgsFunction *function,
                   const LbfgsRules *rules, Arena *arena, Error *err);

#endif
