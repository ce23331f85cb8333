/* prolip_search.h: the rate and the distance that ProLIP's authors choose on validation images (search_lr in
 * methods/ProLIP.py): of each of 7 rates, 1e-2 ... 1e-8, with each of 7 weights of the distance, 10 ... 1e-4
 * and 0, the first of those that label most of them right behind a training of their own.
 */
#ifndef COOP_HEADS_PROLIP_SEARCH_H
#define COOP_HEADS_PROLIP_SEARCH_H

#include "coop/heads/prolip.h"

typedef struct {
    const float *x;    /* (n, C) */
    const int *labels; /* (n) */
    int n;             /* > 0 */
} ProlipImages;

typedef struct {
    double lr, lambda;
    int n_correct;
} ProlipFound;

/* Trains with each of the settings as optim says but for the rate, side by side on the threads of the pool.
 * -1 with ERROR_RUN when a loss is not finite or memory is missing, and when the pool is stopped. */
int prolip_search(ProlipFound *found, const ProlipConfig *config, const TrainData *train,
                  const OptimConfig *optim, const ProlipImages *val, Pool *pool, Error *err);

#endif
