/* scores.h: how well logits agree with labels. */
#ifndef EXPERIMENTS_RESULTS_SCORES_H
#define EXPERIMENTS_RESULTS_SCORES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

typedef struct {
    double accuracy;   /* percent of the n images */
    double macro_f1;   /* percent; mean of F1 over the classes that have images, as Dassl's evaluator */
    double *per_class; /* (K) percent, NaN for a class without images; owned by the arena */
    int *predicted;    /* (n) the class of the largest logit, the first among equals; owned by the arena */
} Scores;

/* Scores of logits (n, K) against labels (n) in 0 .. K-1; n >= 1. A NaN among the logits is an ERROR_RUN. */
int scores_compute(Scores *scores, const float *logits, const int *labels, int n, int n_classes, Arena *arena,
                   Error *err);

#endif
