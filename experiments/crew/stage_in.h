/* stage_in.h: the checkpoints of a study, from rank 0 to ranks that do not have their files (--stage-in).
 *
 * The first rank of each machine gets the bytes over MPI, from a rank that has them already (a tree of which
 * rank 0 is the root), into files that are in memory alone and end with it (memfd_create). All ranks of the
 * machine read these through links in a private folder of that rank, whose names are those of the checkpoint.
 */
#ifndef EXPERIMENTS_CREW_STAGE_IN_H
#define EXPERIMENTS_CREW_STAGE_IN_H

#include "experiments/config/study.h"
#include "experiments/ranks/private_folder.h"
#include "experiments/ranks/ranks.h"

typedef struct {
    const char *weights, *vocab; /* what the experiment file says: rank 0's */
    const char *stamp;           /* of the weights, where they are a single file */
    const char *here;            /* what another rank reads instead of the weights, */
    const char *vocab_here;      /* and of the vocabulary; NULL: as said */
} StagedModel;

typedef struct {
    StagedModel *models; /* (n) */
    int n;
    int *of_experiment; /* (n_experiments) of the study: which of them */
    int n_experiments;
    PrivateFolder folder; /* of the first rank of a machine */
    int *files;           /* (n_files) open there, in memory */
    int n_files;
} Staged;

/* Rank 0, alone with this: sends all weights of the study, with what stands beside them and is read. A model
 * by name is refused. */
int stage_in_give(Staged *staged, const Study *study, RankGroup *ranks, Arena *arena, Error *err);

/* The others: false when rank 0 has let this one go instead. */
bool stage_in_take(Staged *staged, RankGroup *ranks, Arena *arena);

/* Lets a study read what is here. */
void stage_in_use(const Staged *staged, Study *study);

/* When nothing of it will be read any more; a zeroed one is fine. */
void stage_in_close(Staged *staged);

#endif
