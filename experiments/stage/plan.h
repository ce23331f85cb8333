/* plan.h: what a run would cost, for a dry run: the images that are not in the cache yet, and the operations
 * of encoding and training.
 *
 * The points are prepared as for a run, but the sessions note the images that they are asked for instead of
 * encoding them. Seconds follow from the operations and a fraction of the rate at which this machine
 * multiplies matrices: right to within a factor of about two for towers of published sizes.
 */
#ifndef EXPERIMENTS_STAGE_PLAN_H
#define EXPERIMENTS_STAGE_PLAN_H

#include "experiments/stage/stage.h"

typedef struct {
    long n_images;  /* to encode: views of images, equal ones counted once */
    double flops;   /* of these and of all pending points */
    double *points; /* (grid.n) flops of each point; 0 if it is finished, or costs next to nothing */
} Plan;

/* Owned by the stage's arena. */
int plan_make(Plan *plan, Stage *stage, const LoadedModel *model, Error *err);

/* The operations of each pending point (grid.n); 0 of what is finished, or costs next to nothing. */
int plan_points(double *flops, Stage *stage, Error *err);

/* Operations per second to expect on n_threads threads; precision as in Clip. Takes a moment: it measures a
 * matrix product. 0 when there is no memory for that. */
double plan_rate(Precision precision, int n_threads);

#endif
