/* tensor_file.h: an open file of tensors, as the reader of its container fills it in. Only clip/tensors
 * includes it.
 *
 * To add a container: a reader `int X_read(TensorFile *file, Error *err)` that finds path, map and arena in
 * place and fills in the tables below, and a line in tensors_open.c (read_container) that recognises its
 * first bytes. The reader leaves by_name and the order of metadata to tensor_file_index.
 */
#ifndef CLIP_TENSORS_TENSOR_FILE_H
#define CLIP_TENSORS_TENSOR_FILE_H

#include "clip/base/arena.h"
#include "clip/base/files.h"
#include "clip/base/parallel.h"
#include "clip/tensors/tensor.h"

typedef struct TensorFile TensorFile;

struct TensorFile {
    char *path;    /* owned by the arena */
    FileMap map;   /* the whole file */
    bool borrowed; /* the map is bytes of the caller's */
    bool with_optimizer;
    Pool *pool;   /* checks the checksum while the file is opened; NULL: one thread. Borrowed */
    Arena *arena; /* owned; the tables below are in it */

    const char *format;
    Tensor *tensors; /* (n_tensors) by offset */
    int n_tensors;
    MetadataOut *metadata; /* (n_metadata) sorted by key once the file is open */
    int n_metadata;
    bool checked; /* it has a checksum of all its bytes, which is right */

    TensorFile **shards; /* (n_shards) owned, by path; tensors and names are theirs. NULL without shards */
    int n_shards;

    const Tensor **by_name; /* (n_tensors) */
    char digest[65];        /* "" until computed */
    Task *digesting;        /* computes it, until waited for; NULL: not started */
    atomic_bool stop;       /* set when the digest is not needed any more */
};

/* Builds the index once the tables are filled in. A name that is there twice is an error. */
int tensor_file_index(TensorFile *file, Error *err);

/* Look-ups in the index; NULL when absent. */
const Tensor *tensor_file_find(const TensorFile *file, const char *name);
const char *tensor_file_metadata(const TensorFile *file, const char *key);

/* Computes the digest of one file, the context; for a task (parallel.h). Gives up when file->stop is set. */
void tensor_file_digest(void *context);

#endif
