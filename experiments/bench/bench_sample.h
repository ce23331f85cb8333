/* bench_sample.h: what is asked of `coop bench`, and what was measured of a loop. */
#ifndef EXPERIMENTS_BENCH_BENCH_SAMPLE_H
#define EXPERIMENTS_BENCH_BENCH_SAMPLE_H

#include "clip/base/error.h"
#include "clip/math/precision.h"
#include "experiments/terminal/options.h"

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_MAX_COUNTS = 16 };

typedef struct {
    OptionTexts words;             /* only loops whose names contain one of these; none: all */
    int threads[BENCH_MAX_COUNTS]; /* (n_counts) every loop is measured with each; 0 is one per core */
    int n_counts;
    Precision precision; /* of the models */
    bool json;           /* a JSON object per row */
    bool linear;         /* the rows that show how cost grows, instead of the usual ones */
    int n_rows;          /* printed so far */
    struct BenchReport *report;
} Bench;

/* What was measured of a loop. */
typedef struct {
    double seconds; /* of one pass */
    double flops;   /* that a pass needs; 0: not counted */
    bool products;  /* which are those of product.h: their share of its kernel's peak is told, too */
    double memory;  /* bytes, of a process of its own; 0: use the peak of this process */
    char note[128];
} Sample;

#endif
