/* grid.h: an experiment expanded into points, each one training (or one evaluation) with one result.
 *
 * Order: methods as in the file; within a method the lists of its section, in the order of the help, the last
 * one varying fastest; within a variant num_shots, then seed. A point's key is the SHA-256 of a canonical
 * text of everything that its numbers depend on, so a result stays valid when the file is reordered or gets
 * more points, and is computed again when a template, a digest or a hyperparameter changes. Not in the key:
 * labels, output, cache, memory_budget, outputs.
 */
#ifndef EXPERIMENTS_GRID_GRID_H
#define EXPERIMENTS_GRID_GRID_H

#include "experiments/grid/point.h"

typedef struct {
    Point *points; /* (n), no two with the same key or folder */
    int n;
    int n_same; /* points left out because their settings say what those of an earlier one say */
} Grid;

/* Owned by the arena. Fails when there are over 100,000 points or a context file cannot be read. */
int grid_expand(Grid *grid, const Experiment *experiment, const GridDigests *digests, Arena *arena,
                Error *err);

#endif
