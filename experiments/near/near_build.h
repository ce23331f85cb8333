/* near_build.h: makes the lists of an index (near_lists.h). */
#ifndef EXPERIMENTS_NEAR_NEAR_BUILD_H
#define EXPERIMENTS_NEAR_NEAR_BUILD_H

#include "clip/base/parallel.h"
#include "experiments/near/near_lists.h"

/* Of an index in which something lives: four times the square root of its entries, learned from forty for
 * each, evenly taken, and none of them damaged. Without recall; the caller closes. NULL with an error, also
 * when the pool is stopped. The same bits for any number of threads. */
NearLists *near_build(const PhotoIndex *index, Pool *pool, Error *err);

#endif
