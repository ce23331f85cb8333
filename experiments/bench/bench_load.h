/* bench_load.h: whether a measurement was disturbed: by other programs, or by a clock that changed.
 *
 * What all processors did is in /proc/stat, what this process and its children did in getrusage; the
 * difference is other programs', and a virtual machine's host's. The clock is measured by a chain of
 * multiplications, each of which waits for the one before, in processor time of the calling thread, so that
 * other programs do not count as a slow clock.
 */
#ifndef EXPERIMENTS_BENCH_BENCH_LOAD_H
#define EXPERIMENTS_BENCH_BENCH_LOAD_H

#include <stdbool.h>

typedef struct {
    double wall, own, all; /* seconds, processor seconds of this process, of all */
    double clock;          /* multiplications of that chain per second, in 10^9; 0: unknown here */
    bool has_all;          /* /proc/stat can be read */
} LoadMark;

LoadMark load_mark(void);

typedef struct {
    double others;                    /* processors that others kept busy meanwhile, in the mean */
    double clock_before, clock_after; /* of the marks */
    bool busy, slowed;                /* enough to spoil a measurement */
    bool is_known;                    /* without /proc/stat nothing is known of others */
} Load;

/* Between two marks, for a measurement with so many threads. */
Load load_between(const LoadMark *before, const LoadMark *after, int n_threads);
/* What others do while this process sleeps for a moment. */
Load load_now(int n_threads);
/* "other programs took 0.8 processors meanwhile", "the clock fell by 12 %", both; "" for an undisturbed one.
 */
void load_text(char *out, int size, const Load *load);

#endif
