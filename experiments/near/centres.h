/* centres.h: which centres of lists are nearest to a vector: have the highest inner products with it. */
#ifndef EXPERIMENTS_NEAR_CENTRES_H
#define EXPERIMENTS_NEAR_CENTRES_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

#include <stdint.h>

/* nearest (n), scores (n): of each of vectors (n, E) the one centre (K, E), of equally near ones the first;
 * of a vector that is no number, centre 0. By blocked products; the same bits for any number of threads. Ends
 * with its error when the pool is stopped. */
int centres_nearest(int64_t *nearest, float *scores, const float *vectors, int n, const float *centres, int K,
                    int E, Pool *pool, Error *err);

/* nearest (most): those of one vector (E), nearest first; most <= K. */
int centres_of(int *nearest, int most, const float *vector, const float *centres, int K, int E, Error *err);

#endif
