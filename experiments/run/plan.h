/* plan.h: what a dry run can tell of the cost: images that are not in the cache yet, and the operations of
 * encoding and training.
 *
 * The points are prepared as for a run, but the sessions note the images that they are asked for instead of
 * encoding them. Seconds follow from operations at a share of the rate of this machine's matrix products:
 * right to a factor of about two for towers of published sizes.
 */
#ifndef EXPERIMENTS_RUN_PLAN_H
#define EXPERIMENTS_RUN_PLAN_H

#include "experiments/run/stage.h"

typedef struct {
    long n_images;  /* to encode, each view of each content once */
    double flops;   /* of these and of all pending points */
    double *points; /* (grid.n) flops of a point; 0 for a finished one, or where it is next to nothing */
} Plan;

/* Owned by the stage's arena. */
int plan_make(Plan *plan, Stage *stage, const LoadedModel *model, Error *err);

/* Operations per second to reckon with on so many threads; precision as in Clip. Measures a product, which
 * takes a moment. */
double plan_rate(Precision precision, int n_threads);

/* "40 s", "3 min", "2 h 10 min", "5 days": seconds as people say them. */
void plan_time(double seconds, char out[32]);

#endif
