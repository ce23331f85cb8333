/* lbfgs.c: Byrd, Lu, Nocedal and Zhu 1995, "A limited memory algorithm for bound constrained optimization",
 * SIAM Journal on Scientific Computing 16(5), where no variable has a bound.
 *
 * An iteration goes along -H g, where H is the BFGS approximation of the inverse Hessian that the last ten
 * steps s and changes of gradient y make of (s'y / y'y) I, multiplied by the two loops of Nocedal 1980. Its
 * length is found by line_search.c from 1 on, or from 1 / ||g|| on in the first iteration. A pair that shows
 * no curvature is not remembered. A search that fails forgets all pairs and goes down the gradient; one that
 * fails there ends the descent. These rules and the constants are those of the authors' program (Zhu, Byrd,
 * Lu and Nocedal 1997, "Algorithm 778"), which SciPy and so scikit-learn use: where a descent is stopped far
 * from the minimum, as a linear probe's often is, the path decides the result.
 */
#include "coop/probe/lbfgs.h"

#include "coop/probe/dot.h"
#include "coop/probe/line_search.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { CORRECTIONS = 10, MAX_TRIALS = 50, MAX_EVALUATIONS = 15000 };

typedef struct {
    double *s, *y; /* (n) the step and the change of gradient */
    double sy;     /* s'y */
} Pair;

typedef struct {
    const LbfgsFunction *function;
    size_t n;
    double *x, *gradient, *direction; /* (n) */
    double *start_gradient;           /* (n) of the iteration */
    double value, start_value;
    double slope, start_slope, step; /* along the direction; of the last search */
    Pair pairs[CORRECTIONS];         /* the oldest first */
    int n_pairs;
    double theta; /* y'y / s'y of the newest pair */
    LbfgsResult *result;
} Descent;

/* --- vectors --- */

/* a += scale * b */
static void add(double *restrict a, double scale, const double *restrict b, size_t n) {
    for (size_t i = 0; i < n; i++)
        a[i] += scale * b[i];
}

static double largest(const double *x, size_t n) {
    double top = 0;
    for (size_t i = 0; i < n; i++)
        top = fmax(top, fabs(x[i]));
    return top;
}

/* --- the inverse Hessian --- */

static void forget(Descent *descent) {
    descent->n_pairs = 0;
    descent->theta = 1;
}

/* The last step and its change of gradient, unless rounding hides that the slope has changed. */
static void remember(Descent *descent) {
    double sy = (descent->slope - descent->start_slope) * descent->step;
    if (sy <= DBL_EPSILON * -descent->start_slope * descent->step)
        return;
    if (descent->n_pairs == CORRECTIONS) {
        Pair oldest = descent->pairs[0];
        memmove(descent->pairs, descent->pairs + 1, (CORRECTIONS - 1) * sizeof(Pair));
        descent->pairs[CORRECTIONS - 1] = oldest;
    } else {
        descent->n_pairs++;
    }
    Pair *pair = &descent->pairs[descent->n_pairs - 1];
    for (size_t i = 0; i < descent->n; i++) {
        pair->s[i] = descent->step * descent->direction[i];
        pair->y[i] = descent->gradient[i] - descent->start_gradient[i];
    }
    pair->sy = sy;
    descent->theta = dot(pair->y, pair->y, descent->n) / sy;
}

/* direction = -H gradient */
static void aim(Descent *descent) {
    size_t n = descent->n;
    double *d = descent->direction, alpha[CORRECTIONS] = {0};
    for (size_t i = 0; i < n; i++)
        d[i] = -descent->gradient[i];
    for (int k = descent->n_pairs - 1; k >= 0; k--) {
        const Pair *pair = &descent->pairs[k];
        alpha[k] = dot(pair->s, d, n) / pair->sy;
        add(d, -alpha[k], pair->y, n);
    }
    for (size_t i = 0; i < n; i++)
        d[i] /= descent->theta;
    for (int k = 0; k < descent->n_pairs; k++) {
        const Pair *pair = &descent->pairs[k];
        add(d, alpha[k] - dot(pair->y, d, n) / pair->sy, pair->s, n);
    }
}

/* --- iterations --- */

/* Goes along the direction. *found is false where no point is accepted: x is then where it was. */
static int search_line(Descent *descent, bool *found, Error *err) {
    const LbfgsFunction *f = descent->function;
    const size_t n = descent->n;
    const double *d = descent->direction;
    *found = false;
    descent->start_value = descent->value;
    descent->start_slope = dot(descent->gradient, d, n);
    if (!(descent->start_slope < 0))
        return 0;
    LinePoint at = {.step = descent->result->iterations == 0 ? fmin(1 / sqrt(dot(d, d, n)), 1e10) : 1};
    LineSearch search = line_search_begin(descent->value, descent->start_slope, at.step);
    if (f->aim(f->context, descent->x, d, err) < 0)
        return -1;
    for (int trial = 0; trial < MAX_TRIALS && !*found; trial++) {
        descent->step = at.step;
        descent->result->evaluations++;
        if (f->trial(f->context, &at.value, &at.slope, at.step, err) < 0)
            return -1;
        if (!isfinite(at.value))
            break;
        descent->slope = at.slope;
        descent->value = at.value;
        *found = line_search_accepts(&search, &at);
    }
    if (!*found) {
        descent->value = descent->start_value;
        return 0;
    }
    memcpy(descent->start_gradient, descent->gradient, n * sizeof(double));
    add(descent->x, descent->step, d, n);
    return f->move(f->context, descent->gradient, descent->x, err);
}

/* After an iteration: whether it was the last one, and why. */
static bool ended(Descent *descent, const LbfgsRules *rules) {
    LbfgsResult *result = descent->result;
    double scale = fmax(fmax(fabs(descent->start_value), fabs(descent->value)), 1);
    result->end = LBFGS_LIMIT;
    if (result->iterations >= rules->max_iterations || result->evaluations > MAX_EVALUATIONS)
        return true;
    result->end = LBFGS_GRADIENT;
    if (largest(descent->gradient, descent->n) <= rules->gradient_tolerance)
        return true;
    result->end = LBFGS_REDUCTION;
    return descent->start_value - descent->value <= rules->reduction_tolerance * scale;
}

static int descend(Descent *descent, const LbfgsRules *rules, Error *err) {
    const LbfgsFunction *f = descent->function;
    bool found, done = false;
    descent->result->evaluations++;
    if (f->begin(f->context, &descent->value, descent->gradient, descent->x, err) < 0)
        return -1;
    forget(descent);
    if (!isfinite(descent->value))
        descent->result->end = LBFGS_STUCK;
    done = !isfinite(descent->value) || largest(descent->gradient, descent->n) <= rules->gradient_tolerance;
    while (!done) {
        aim(descent);
        if (search_line(descent, &found, err) < 0)
            return -1;
        if (found) {
            descent->result->iterations++;
            done = ended(descent, rules);
            remember(descent);
        } else if (descent->n_pairs > 0) {
            forget(descent);
        } else {
            descent->result->end = LBFGS_STUCK;
            done = true;
        }
    }
    descent->result->value = descent->value;
    return 0;
}

int lbfgs_minimise(LbfgsResult *result, double *x, size_t n, const LbfgsFunction *function,
                   const LbfgsRules *rules, Arena *arena, Error *err) {
    Descent descent = {.function = function, .n = n, .x = x, .result = result};
    double **vectors[] = {&descent.gradient, &descent.direction, &descent.start_gradient};
    size_t mark = arena_mark(arena);
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        *vectors[i] = ARENA_NEW(arena, double, n);
    for (int k = 0; k < CORRECTIONS; k++) {
        descent.pairs[k].s = ARENA_NEW(arena, double, n);
        descent.pairs[k].y = ARENA_NEW(arena, double, n);
    }
    *result = (LbfgsResult){.end = LBFGS_GRADIENT};
    int status = arena_failed(arena) ? error_memory(err) : descend(&descent, rules, err);
    arena_reset(arena, mark);
    return status;
}
