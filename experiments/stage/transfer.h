/* transfer.h: testing what the points of an experiment have learned on the datasets of `transfer`.
 *
 * Zhou et al. 2022, section 4.2 (domain generalization); base-to-new as in Zhou et al. 2022, "Conditional
 * Prompt Learning". A hand-written prompt is run on the target as in an experiment on that dataset; what was
 * learned is tested there unchanged. Each such test is a point of the grid with a result of its own.
 */
#ifndef EXPERIMENTS_STAGE_TRANSFER_H
#define EXPERIMENTS_STAGE_TRANSFER_H

#include "experiments/grid/grid.h"
#include "experiments/session/session.h"

/* Appends the points of all targets (experiment->n_targets) to a grid that has the experiment's own points.
 * What cannot be tested on a target (class-specific contexts, a probe or a cache of images, on other classes)
 * gets no point there. Everything is owned by the arena. */
int transfer_expand(Grid *grid, const Session *own, const Session *targets, const GridDigests *digests,
                    Arena *arena, Error *err);

#endif
