/* retrieval.h: how well images find their captions and captions their images (OpenCLIP's get_clip_metrics).
 */
#ifndef EXPERIMENTS_PRETRAIN_RETRIEVAL_H
#define EXPERIMENTS_PRETRAIN_RETRIEVAL_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

typedef struct {
    double mean_rank, median_rank; /* from 1 */
    double recall[3];              /* shares of queries whose match is among the first 1, 5, 10 */
} Ranks;

/* Queries and items (n, E), both of unit length: item i is the only match of query i. Of items that score the
 * same the first counts as the better one. Rows of scores are made a few at a time, so memory grows with n
 * alone. Bits do not depend on threads. Fails when out of memory, or when the pool is stopped. */
int retrieval_ranks(Ranks *ranks, const float *queries, const float *items, int n, int E, Pool *pool,
                    Error *err);

#endif
