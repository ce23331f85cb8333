/* bench_towers.h: an image tower with random weights, measured. */
#ifndef EXPERIMENTS_BENCH_BENCH_TOWERS_H
#define EXPERIMENTS_BENCH_BENCH_TOWERS_H

#include "experiments/bench/bench.h"

/* The architecture of this name on n images of noise, as rows of the table have it. */
int bench_tower(const Bench *bench, const char *name, int n, Pool *pool, Sample *sample, Error *err);

#endif
