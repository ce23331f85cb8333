/* rank_work.h: what a rank other than 0 does: what rank 0 asks for (crew.h), until it is let go. */
#ifndef EXPERIMENTS_CREW_RANK_WORK_H
#define EXPERIMENTS_CREW_RANK_WORK_H

#include "experiments/config/study.h"
#include "experiments/ranks/ranks.h"

/* How this rank reads the study, with the same file and options as rank 0, once it is asked for the first
 * thing; its own reasons not to do so end all ranks. */
typedef struct {
    const char *path;
    const char *const *overrides; /* (n_overrides) */
    int n_overrides;
    const MethodList *methods;
    int n_threads;
    bool stage_in; /* checkpoints come from rank 0 (stage_in.h) */
} RankStudy;

void rank_work(RankGroup *ranks, const RankStudy *source, Arena *arena);

#endif
