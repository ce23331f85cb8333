/* bench_child.h: the program itself as its users start it, in a process of its own. */
#ifndef EXPERIMENTS_BENCH_BENCH_CHILD_H
#define EXPERIMENTS_BENCH_BENCH_CHILD_H

#include "clip/base/error.h"

/* Runs `coop WORDS` (NULL at the end), without what it prints, and waits. *memory becomes its peak in bytes,
 * if that is more. An error unless its status is 0. */
int bench_child(double *memory, const char *const *words, Error *err);

/* The same in two parts, the first of which ends with the first byte on its standard output, when a user sees
 * that byte. A child of zeros has not been started, and ends well. */
typedef struct {
    int process, output;
} BenchChild;
int bench_child_speak(BenchChild *child, const char *const *words, Error *err);
int bench_child_end(BenchChild *child, double *memory, Error *err);

#endif
