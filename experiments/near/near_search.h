/* near_search.h: what is nearest to a vector, looked for in a few lists of an index alone, and how much of
 * what an exact search finds that finds. */
#ifndef EXPERIMENTS_NEAR_NEAR_SEARCH_H
#define EXPERIMENTS_NEAR_NEAR_SEARCH_H

#include "datasets/index/top_features.h"
#include "experiments/near/near_lists.h"

/* As top_features (the same scores in the same order) of a query (E), but among the entries of the `probes`
 * lists whose centres are nearest, and those that came to the index later. Where they have not `top` that
 * live, more lists are looked at. */
int near_search(Found *found, int *n_found, const NearLists *lists, const PhotoIndex *index,
                const float *query, int top, int probes, Pool *pool, Error *err);

/* Fills lists->recall for 1, 2, 4, ... probes, until nearly all is found or a quarter of the index is looked
 * at: against an exact search, of the ten nearest to each of texts (n_texts, E), and of the ten nearest
 * others to each of n_photos entries, evenly taken. None: not measured. */
int near_measure(NearLists *lists, const PhotoIndex *index, int n_photos, const float *texts, int n_texts,
                 Pool *pool, Error *err);

/* The fewest probes that find 95 of 100 of what texts are looking for (photos, when texts were not measured);
 * else the most that were measured. */
int near_default_probes(const NearLists *lists);
/* What was measured with as many probes, or with the next fewer; NULL: nothing. */
const NearRecall *near_recall_of(const NearLists *lists, int probes);

#endif
