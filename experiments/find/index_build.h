/* index_build.h: brings an index of photos up to date: decoding on threads of its own, the image tower a
 * batch at a time, a commit now and then. */
#ifndef EXPERIMENTS_FIND_INDEX_BUILD_H
#define EXPERIMENTS_FIND_INDEX_BUILD_H

#include "coop/loaded_model.h"
#include "datasets/features/image_stream.h"
#include "datasets/index/photo_index.h"

typedef struct {
    LoadedModel *model;
    const char *out;
    const char *about; /* index_about_text */
    IndexNumbers numbers;
    StreamNextFn next; /* the files, with its context */
    void *inputs;
    void (*stop_inputs)(void *inputs);
    const char *const *folders; /* (n_folders) that were named, from the root of the file system */
    int n_folders;
    bool quiet;
} IndexRequest;

typedef struct {
    uint64_t total; /* that live in the index now */
    long added, changed, reused, deleted, same, bad, passed;
    uint64_t cut; /* bytes of an update that had died */
    bool compacted;
    char first_passed[256];
} IndexCounts;

/* After a signal, and after any failure behind the opening, all that was encoded is kept. Images that cannot
 * be read are named on stderr and counted. */
int index_build(IndexCounts *counts, const IndexRequest *request, Error *err);

#endif
