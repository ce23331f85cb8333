/* broken_pairs.h: names pairs that cannot be read, each once in a run. */
#ifndef EXPERIMENTS_PRETRAIN_BROKEN_PAIRS_H
#define EXPERIMENTS_PRETRAIN_BROKEN_PAIRS_H

#include "clip/base/text_map.h"
#include "datasets/pairs/pair_loader.h"
#include "experiments/terminal/progress.h"

typedef struct {
    Progress *progress; /* lines come above its bar */
    TextMap named;
    int n_unnamed; /* beyond those that a batch tells */
} BrokenPairs;

/* Those left out before this batch. The map's arena fails when memory is out. */
void broken_pairs_tell(BrokenPairs *broken, const LoadedBatch *batch);

#endif
