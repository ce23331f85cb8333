/* bench_report.h: what `coop bench` prints and keeps of its rows.
 *
 * A row that was disturbed (bench_load.h) has no shares: they would compare one moment with another.
 */
#ifndef EXPERIMENTS_BENCH_BENCH_REPORT_H
#define EXPERIMENTS_BENCH_BENCH_REPORT_H

#include "experiments/bench/bench_load.h"
#include "experiments/bench/bench_sample.h"

typedef struct {
    const char *loop;
    int threads;
    double sgemm;    /* GFLOP/s of OpenBLAS's sgemm, on all threads */
    double units[2]; /* of the units that multiply and add (unit_peak.h): in float, in bfloat16; 0: none */
    double kernel;   /* of the loop's own kernel; 0: there is none, or it is not asked for */
    double memory;
    bool memory_so_far; /* of the rows before it too */
    double efficiency;  /* against the first number of threads; 0 for that */
    Sample sample;
    Load load;
} BenchRow;

typedef struct BenchReport BenchReport;

/* save: where all rows go in the end, or NULL; compare: a file of such rows, or NULL. Says on stderr when
 * other programs keep the machine busy. Caller closes. */
BenchReport *bench_report_open(const char *save, const char *compare, Error *err);
void bench_report_close(BenchReport *report); /* NULL is fine */

/* Before each row; before the first it looks for a moment at what other programs do. */
void bench_report_begin(BenchReport *report);
int bench_report_row(const Bench *bench, const BenchRow *row, Error *err);
/* All is measured: writes the file. */
int bench_report_save(const BenchReport *report, Error *err);

#endif
