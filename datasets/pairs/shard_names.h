/* shard_names.h: what a list of shards stands for. */
#ifndef DATASETS_PAIRS_SHARD_NAMES_H
#define DATASETS_PAIRS_SHARD_NAMES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

typedef struct {
    const char **paths; /* (n), owned by the arena */
    int n, capacity;
} ShardNames;

/* webdataset's notation: "a.tar::b.tar" joins, "{000..099}", "{0..8..2}" and "{a,b}" are expanded as a shell
 * does it, nested too. What is the name of a file as it stands is taken so. Starts from zeroed names. */
int shard_names_expand(ShardNames *names, const char *text, Arena *arena, Error *err);

#endif
