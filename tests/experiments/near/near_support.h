/* near_support.h: indexes of clusters of photos, and lists of them. */
#ifndef TESTS_EXPERIMENTS_NEAR_NEAR_SUPPORT_H
#define TESTS_EXPERIMENTS_NEAR_NEAR_SUPPORT_H

#include "experiments/near/near_lists.h"
#include "tests/datasets/index/index_support.h"

/* Skips the test, saying so, in a program without FAISS. */
void near_support_need(void);

/* A unit vector (SUPPORT_E) of cluster seed % 50, with noise of the seed. */
void near_support_feature(float *feature, uint32_t seed);

/* Adds entries of the seeds first .. first + n - 1 in one commit; of those that were there, every `dead`-th
 * dies (0: none). kind.E is SUPPORT_E. */
void near_support_add(const char *path, const IndexKind *kind, uint32_t first, uint32_t n, uint32_t dead);

/* Opened, or the test fails. */
PhotoIndex *near_support_open(const char *path);

#endif
