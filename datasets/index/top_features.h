/* top_features.h: which rows of an index are nearest to a vector: an exact search of all of them.
 *
 * The score of a row is its inner product with the query, added in double in ascending order: one number,
 * whatever processor, number of threads, or other queries there are beside it. Not all rows are scored so. A
 * fast product in float finds every row that can be among the best, given how far such a sum may be off
 * (below), and those alone are scored. One query, or a few, streams through the rows at the speed of memory;
 * many are multiplied in blocks (packed.h).
 */
#ifndef DATASETS_INDEX_TOP_FEATURES_H
#define DATASETS_INDEX_TOP_FEATURES_H

#include "clip/base/parallel.h"
#include "datasets/index/photo_index.h"

typedef struct {
    double score;
    uint64_t number; /* of the entry */
} Found;

/* found (n_queries, top): of each query (n_queries, E; each of length 1 at most) the `top` entries that live
 * with the highest scores, highest first, of equal ones the lower number first; n_found says how many there
 * are, at most `top`. A row that is not of unit length is damaged: an error that names it. Ends with its
 * error when the pool is stopped. */
int top_features(Found *found, int *n_found, const PhotoIndex *index, const float *queries, int n_queries,
                 int top, Pool *pool, Error *err);

/* Entries that are to be searched alone: numbers (n), each at most once. copies (n; NULL: none): where the
 * row of each lies in bfloat16, too, to be read in place of the index wherever that is enough. */
typedef struct {
    const uint32_t *numbers;
    const unsigned char *const *copies;
    size_t n;
} SomeEntries;

/* The same of one query among some entries. A row that is not of unit length is an error as above. */
int top_features_of(Found *found, int *n_found, const PhotoIndex *index, const SomeEntries *some,
                    const float *query, int top, Pool *pool, Error *err);

/* The score as above. */
double feature_score(const PhotoIndex *index, uint64_t number, const float *query);

#endif
