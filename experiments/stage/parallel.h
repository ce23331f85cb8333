/* parallel.h: whether ranks share the points of an experiment, or the classes of each training (`parallel`).
 *
 * auto takes what the dry run's operations make the shorter. With R ranks, points take the longest of them,
 * or all divided by R. Classes take all points one after the other, those that cannot be cut on rank 0 alone:
 *
 *     of a step       operations / (ranks that have a part) + what its messages wait
 *     without a cut   a third more, where a rank has no memory for its activations and computes them again
 *
 * Which it is changes no result.
 */
#ifndef EXPERIMENTS_STAGE_PARALLEL_H
#define EXPERIMENTS_STAGE_PARALLEL_H

#include "experiments/stage/stage.h"

/* What is known of one point. */
typedef struct {
    double flops;       /* of all its steps; 0: next to nothing */
    LearnerSplit split; /* most 1: one rank's work */
} ParallelPoint;

typedef struct {
    bool by_classes;
    int n_points, n_cut; /* pending points; those whose classes can be shared */
    char reason[160];
} ParallelChoice;

/* The choice for these points: wanted is `parallel`, budget what a rank has for activations. */
ParallelChoice parallel_of(const ParallelPoint *points, int n_points, int n_ranks, Parallel wanted,
                           size_t budget);

/* The same for a stage whose images are prepared; n_sharing ranks share the memory of a machine. */
int parallel_choose(ParallelChoice *choice, Stage *stage, int n_ranks, int n_sharing, Error *err);

#endif
