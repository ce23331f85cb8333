/* bench_loops.h: the loops that `coop bench` measures, a file for each group of rows. */
#ifndef EXPERIMENTS_BENCH_BENCH_LOOPS_H
#define EXPERIMENTS_BENCH_BENCH_LOOPS_H

#include "experiments/bench/bench.h"

int bench_products(Bench *bench, Error *err);
int bench_steps(Bench *bench, Error *err);
int bench_learners(Bench *bench, Error *err);
int bench_photos(Bench *bench, Error *err);
int bench_towers(Bench *bench, Error *err);
int bench_trainings(Bench *bench, Error *err);
int bench_classify(Bench *bench, Error *err);
int bench_classifiers(Bench *bench,
                      Error *err);        /* those of 1,000 classes take minutes: only when asked for */
int bench_find(Bench *bench, Error *err); /* its searches write 2 GB: only when asked for */
int bench_experiments(Bench *bench, Error *err); /* takes minutes: only when asked for */

#endif
