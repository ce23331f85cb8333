/* line_search.h: a step along a descent direction that decreases a function enough and flattens it enough.
 *
 * The caller evaluates; the search says where:
 *
 *     LineSearch search = line_search_begin(value at 0, slope at 0, first step);
 *     LinePoint at = {first step};
 *     do evaluate at.value and at.slope at at.step;
 *     while (!line_search_accepts(&search, &at));       puts the next step into at.step
 */
#ifndef COOP_PROBE_LINE_SEARCH_H
#define COOP_PROBE_LINE_SEARCH_H

#include <stdbool.h>

/* phi(step) = f(x + step d): its value and its derivative along d. */
typedef struct {
    double step, value, slope;
} LinePoint;

typedef struct {
    LinePoint start;             /* at step 0 */
    LinePoint best, other;       /* the ends of the interval that is searched; best has the lower value */
    double low, high;            /* where the next trial may lie */
    double width, earlier_width; /* of the interval, one and two trials ago */
    bool bracketed;              /* the interval holds a minimum; until then it grows */
    bool decreased;              /* a trial has decreased enough and slopes upwards */
} LineSearch;

/* value and slope at step 0, slope < 0; step: the first trial. */
LineSearch line_search_begin(double value, double slope, double step);

/* True: the search ends with the trial *at, which is good (the usual end) or only the best that the
 * interval's width allows. False: at->step becomes the next trial. The value must be finite. */
bool line_search_accepts(LineSearch *search, LinePoint *at);

#endif
