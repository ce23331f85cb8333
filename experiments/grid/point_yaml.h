/* point_yaml.h: a point as an experiment file. */
#ifndef EXPERIMENTS_GRID_POINT_YAML_H
#define EXPERIMENTS_GRID_POINT_YAML_H

#include "experiments/grid/point.h"

#define POINT_YAML_FILE "config.yaml"

/* An experiment file of this point alone, everything resolved: what config.yaml of a run folder holds. `coop
 * run` on it finds the same point (the same key, the same output). Owned by the arena; NULL when memory is
 * out. */
char *point_yaml(const Experiment *experiment, const Point *point, Arena *arena);

#endif
