/* shard_index.h: where the samples of a shard lie in it. */
#ifndef DATASETS_PAIRS_SHARD_INDEX_H
#define DATASETS_PAIRS_SHARD_INDEX_H

#include "clip/base/files.h"

/* A member of a tar file: bytes offset .. offset + size of it. */
typedef struct {
    const char *name; /* NULL: there is none. Owned by whoever looks at it */
    size_t offset, size;
} ShardMember;

/* Members next to each other with the same stem, which is all up to the first dot of the last part of the
 * name (webdataset's rule). Other suffixes are passed over. */
typedef struct {
    const char *stem;           /* good until the call returns, and so are names */
    ShardMember image, caption; /* .jpg, .png, .jpeg, .webp: the first of these that is there; .txt */
} ShardSample;

/* Called for each sample, in order; what it returns ends the walk when it is not 0. */
typedef int (*ShardSampleFn)(void *context, const ShardSample *sample, Error *err);

/* Walks through the headers of the tar file that was mapped from path. A file that is cut short, or damaged,
 * is an error with the place. *end: where the end mark lies. */
int shard_walk(const FileMap *map, const char *path, ShardSampleFn sample_fn, void *context, size_t *end,
               Error *err);

#endif
