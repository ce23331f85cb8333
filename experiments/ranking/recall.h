/* recall.h: how well queries find what answers them: recall at K, mean and median rank.
 *
 * As CLIP_benchmark counts (metrics/zeroshot_retrieval.py): a query is a hit at K when any item that answers
 * it is among the K that torch.topk takes (topk.h). The rank of a query is that of its best answer, from 1.
 */
#ifndef EXPERIMENTS_RANKING_RECALL_H
#define EXPERIMENTS_RANKING_RECALL_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

/* Rows of unit length. An item answers a query of the same group. */
typedef struct {
    const float *queries, *items;          /* (n_queries, E), (n_items, E) */
    const int *query_groups, *item_groups; /* (n_queries), (n_items) */
    int n_queries, n_items, E;
} Ranking;

enum { N_RECALLS = 3 };
extern const int RECALL_AT[N_RECALLS]; /* 1, 5, 10 */

typedef struct {
    int n;                         /* queries */
    int n_without;                 /* of them without any answer: missed at every K, and without a rank */
    int n_tied;                    /* of them whose best answer scores exactly what a wrong item does */
    double recall[N_RECALLS];      /* shares of the queries; 1 where there are no more than K items */
    double within[N_RECALLS];      /* shares of those whose rank is at most K, which OpenCLIP calls recall: it
                                      differs where a tie lies across the border */
    double mean_rank, median_rank; /* of items with equal scores the first counts as the better one; NaN: no
                                      ranks. The median of an even number is rounded down, as OpenCLIP does */
} Recall;

/* Scores are made a few queries at a time, so memory grows with the items alone. Bits do not depend on
 * threads. Fails when a score is not finite, when memory is out, or when the pool is stopped. */
int recall_measure(Recall *recall, const Ranking *ranking, Pool *pool, Error *err);

#endif
