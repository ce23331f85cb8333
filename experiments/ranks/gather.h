/* gather.h: what each rank has a part of, given to all of them. */
#ifndef EXPERIMENTS_RANKS_GATHER_H
#define EXPERIMENTS_RANKS_GATHER_H

#include "experiments/ranks/ranks.h"

/* The bytes offsets[r] .. offsets[r + 1] - 1 of `all` are those of rank r, which is the only one that has
 * them; then every rank has all. offsets (ranks_count + 1) are the same everywhere. */
void ranks_gather(RankGroup *ranks, int kind, void *all, const size_t *offsets);

/* For what others wait for: all ranks end where there is no memory. Caller frees. */
void *ranks_malloc(RankGroup *ranks, size_t count, size_t size);

#endif
