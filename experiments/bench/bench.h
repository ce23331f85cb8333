/* bench.h: the table of `coop bench`, a row for each loop and number of threads. */
#ifndef EXPERIMENTS_BENCH_BENCH_H
#define EXPERIMENTS_BENCH_BENCH_H

#include "clip/base/parallel.h"
#include "experiments/bench/bench_sample.h"

/* Sets a loop up, measures it on the threads of the pool and frees all memory it took. */
typedef int (*MeasureFn)(const Bench *bench, void *context, Pool *pool, Sample *sample, Error *err);

/* Measures and prints the rows of one loop, if its name is wanted: each beside the sgemm peak of the same
 * number of threads, measured right before it and right behind it, and the peak of memory while it ran. */
int bench_row(Bench *bench, const char *loop, MeasureFn measure, void *context, Error *err);
bool bench_wanted(const Bench *bench, const char *loop);
/* Whether a word names this loop: those that take minutes run only then. */
bool bench_asked(const Bench *bench, const char *loop);

/* The median time of several passes, after one to warm up that touches memory for the first time; of a long
 * pass one is enough. ERROR_SIGNAL when a signal came. */
typedef int (*LoopFn)(void *context, Error *err);
int bench_median(double *seconds, LoopFn loop, void *context, Error *err);
/* The same with something to be done before each pass, which is not timed; before may be NULL. */
int bench_median_after(double *seconds, LoopFn before, LoopFn loop, void *context, Error *err);

/* N(0, scale^2) */
void bench_fill(float *x, size_t n, double scale);

#endif
