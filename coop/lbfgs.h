/* lbfgs.h: L-BFGS: a minimum of a smooth function of many variables, found along the path of L-BFGS-B
 * without bounds. */
#ifndef COOP_LBFGS_H
#define COOP_LBFGS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

/* *value = f(x) and gradient (n) = its gradient. Anything but 0 stops the descent. */
typedef int (*LbfgsFunction)(void *context, double *value, double *gradient, const double *x, Error *err);

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
    double value; /* f(x) */
    int iterations, evaluations;
} LbfgsResult;

/* x (n): on entry the start, on return the best point found. Fails when memory runs out and, with its error,
 * when the function fails; x is then some point of the path. */
int lbfgs_minimise(LbfgsResult *result, double *x, size_t n, LbfgsFunction function, void *context,
                   const LbfgsRules *rules, Arena *arena, Error *err);

#endif
