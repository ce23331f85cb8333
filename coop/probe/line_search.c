/* line_search.c: the search of Moré and Thuente 1994, "Line search algorithms with guaranteed sufficient
 * decrease", ACM Transactions on Mathematical Software 20(3).
 *
 * A trial is good when phi(t) <= phi(0) + DECREASE t phi'(0) and |phi'(t)| <= CURVATURE |phi'(0)|. Until one
 * is, the search keeps an interval and puts the next trial at the minimum of a cubic or a parabola through
 * what is known (section 4). Until some trial has decreased enough, that is done for
 * psi(t) = phi(t) - phi(0) - DECREASE t phi'(0) (section 2), of which every minimum has decreased enough.
 */
#include "coop/probe/line_search.h"

#include <math.h>

/* Those of L-BFGS-B (Zhu, Byrd, Lu and Nocedal 1997). */
static const double DECREASE = 1e-3, CURVATURE = 0.9, NARROW = 0.1, LONGEST = 1e10;

/* Of the paper: how far a trial goes beyond the last one, and how fast an interval has to shrink. */
static const double NEAREST = 1.1, FARTHEST = 4, SHRINK = 0.66;

LineSearch line_search_begin(double value, double slope, double step) {
    LinePoint start = {0, value, slope};
    return (LineSearch){.start = start,
                        .best = start,
                        .other = start,
                        .high = step + FARTHEST * step,
                        .width = LONGEST,
                        .earlier_width = 2 * LONGEST};
}

/* The cubic with the values and slopes of a and b has its minimum at a + r (b - a): r. *tends is false when
 * it has none: then r belongs to the point where it is flattest. */
static double cubic_minimum(LinePoint a, LinePoint b, bool *tends) {
    double theta = 3 * (a.value - b.value) / (b.step - a.step) + a.slope + b.slope;
    double scale = fmax(fabs(theta), fmax(fabs(a.slope), fabs(b.slope)));
    double square = theta / scale * (theta / scale) - a.slope / scale * (b.slope / scale);
    double gamma = scale * sqrt(fmax(0, square));
    *tends = gamma != 0;
    if (b.step < a.step)
        gamma = -gamma;
    return (gamma - a.slope + theta) / (gamma - a.slope + gamma + b.slope);
}

/* The step, of the two, that is nearer to (or farther from) the origin. */
static double nearer(double origin, double a, double b) {
    return fabs(a - origin) < fabs(b - origin) ? a : b;
}

static double farther(double origin, double a, double b) {
    return fabs(a - origin) > fabs(b - origin) ? a : b;
}

/* The trial and the best point go down the same way, the trial less steeply: the minimum lies beyond it. */
static double beyond(const LineSearch *search, LinePoint at) {
    LinePoint best = search->best;
    bool tends, forward = at.step > best.step;
    double r = cubic_minimum(at, best, &tends);
    double cubic = r < 0 && tends ? at.step + r * (best.step - at.step)
                   : forward      ? search->high
                                  : search->low;
    double secant = at.step + at.slope / (at.slope - best.slope) * (best.step - at.step);
    if (!search->bracketed)
        return fmax(fmin(farther(at.step, cubic, secant), search->high), search->low);
    double limit = at.step + SHRINK * (search->other.step - at.step), step = nearer(at.step, cubic, secant);
    return forward ? fmin(limit, step) : fmax(limit, step);
}

/* The next trial, by the four cases of section 4; the trial `at` becomes one end of the interval. */
static double narrow(LineSearch *search, LinePoint at) {
    LinePoint best = search->best;
    double gap = at.step - best.step, step;
    bool higher = at.value > best.value, opposite = at.slope * copysign(1, best.slope) < 0, tends;
    if (higher) {
        double cubic = best.step + cubic_minimum(best, at, &tends) * gap;
        double mean_slope = (best.value - at.value) / gap;
        double parabola = best.step + best.slope / (mean_slope + best.slope) / 2 * gap;
        step = fabs(cubic - best.step) < fabs(parabola - best.step) ? cubic : cubic + (parabola - cubic) / 2;
    } else if (opposite) {
        double cubic = at.step - cubic_minimum(at, best, &tends) * gap;
        step = farther(at.step, cubic, at.step - at.slope / (at.slope - best.slope) * gap);
    } else if (fabs(at.slope) < fabs(best.slope)) {
        step = beyond(search, at);
    } else if (search->bracketed) {
        step = at.step + cubic_minimum(at, search->other, &tends) * (search->other.step - at.step);
    } else {
        step = gap > 0 ? search->high : search->low;
    }
    search->bracketed |= higher || opposite;
    if (higher) {
        search->other = at;
    } else {
        search->other = opposite ? best : search->other;
        search->best = at;
    }
    return step;
}

/* phi to psi (sign -1) or back (sign 1). */
static LinePoint tilted(LinePoint point, double sign, double slope) {
    return (LinePoint){point.step, point.value + sign * point.step * slope, point.slope + sign * slope};
}

/* The search cannot go on: the interval is too narrow, or the step is at the end of all steps. */
static bool exhausted(const LineSearch *search, double step) {
    return search->bracketed && (step <= search->low || step >= search->high ||
                                 search->high - search->low <= NARROW * search->high);
}

static void next_trial(LineSearch *search, LinePoint *at) {
    LinePoint *best = &search->best, *other = &search->other;
    double slope = DECREASE * search->start.slope;
    double step;
    if (!search->decreased && at->value <= best->value &&
        at->value > search->start.value + at->step * slope) {
        *best = tilted(*best, -1, slope);
        *other = tilted(*other, -1, slope);
        step = narrow(search, tilted(*at, -1, slope));
        *best = tilted(*best, 1, slope);
        *other = tilted(*other, 1, slope);
    } else {
        step = narrow(search, *at);
    }
    if (search->bracketed) {
        double width = fabs(other->step - best->step);
        if (width >= SHRINK * search->earlier_width)
            step = best->step + 0.5 * (other->step - best->step);
        search->earlier_width = search->width;
        search->width = width;
        search->low = fmin(best->step, other->step);
        search->high = fmax(best->step, other->step);
    } else {
        search->low = step + NEAREST * (step - best->step);
        search->high = step + FARTHEST * (step - best->step);
    }
    step = fmin(fmax(step, 0), LONGEST);
    at->step = exhausted(search, step) ? best->step : step;
}

bool line_search_accepts(LineSearch *search, LinePoint *at) {
    double slope = DECREASE * search->start.slope;
    bool low_enough = at->value <= search->start.value + at->step * slope;
    search->decreased |= low_enough && at->slope >= 0;
    if ((low_enough && fabs(at->slope) <= CURVATURE * -search->start.slope) || exhausted(search, at->step) ||
        (low_enough && at->slope <= slope && at->step == LONGEST))
        return true;
    next_trial(search, at);
    return false;
}
