/* plan.h: what a dry run can tell of the cost: images that are not in the cache yet, and the operations of
 * encoding and training.
 *
 * The points are prepared as for a run, but the sessions note the images that they are asked for instead of
 * encoding them. Seconds follow from operations at PLAN_SHARE of this machine's sgemm peak: right to a factor
 * of about two for towers of published sizes.
 */
#ifndef EXPERIMENTS_PLAN_H
#define EXPERIMENTS_PLAN_H

#include "experiments/stage.h"

#define PLAN_SHARE 0.6

typedef struct {
    long n_images;  /* to encode, each view of each content once */
    double flops;   /* of these and of all pending points */
    double *points; /* (grid.n) flops of a point; 0 for a finished one, or where it is next to nothing */
} Plan;

/* Owned by the stage's arena. */
int plan_make(Plan *plan, Stage *stage, const Model *model, Error *err);

/* "40 s", "3 min", "2 h 10 min", "5 days": seconds as people say them. */
void plan_time(double seconds, char out[32]);

#endif
