/* checkpoints.h: several checkpoints side by side: each is opened, used and closed before the next. */
#ifndef EXPERIMENTS_RETRIEVE_CHECKPOINTS_H
#define EXPERIMENTS_RETRIEVE_CHECKPOINTS_H

#include "coop/loaded_model.h"
#include "experiments/config/lists.h"

typedef struct {
    TextList weights; /* one or more: files, folders, names */
    const char *vocab;
    ClipActivation activation;
    int heads;
    Precision precision;
} Checkpoints;

typedef int (*CheckpointFn)(void *context, LoadedModel *model, int index, Error *err);

/* Calls use for each of them, in order, with a stop at the first failure. names (weights.n), for tables:
 * "ViT-B/32", and its file where several have one name; owned by the arena. */
int checkpoints_each(const char **names, const Checkpoints *all, int n_threads, bool quiet, CheckpointFn use,
                     void *context, Arena *arena, Error *err);

#endif
