/* tensors_private.h: what a container's reader fills in. Only clip/base includes it.
 *
 * To add a container: a reader `int X_read(TensorFile *file, Error *err)` that finds path, map and arena in
 * place and fills the tables below, and a line in tensors.c (read_container) that recognises its first bytes.
 * The reader leaves by_name and the order of metadata to tensors.c, which also refuses duplicate names.
 */
#ifndef CLIP_TENSORS_TENSORS_PRIVATE_H
#define CLIP_TENSORS_TENSORS_PRIVATE_H

#include "clip/base/arena.h"
#include "clip/base/files.h"
#include "clip/base/parallel.h"
#include "clip/tensors/tensors.h"

struct TensorFile {
    char *path;   /* owned by the arena */
    FileMap map;  /* the whole file */
    Arena *arena; /* owned; the tables below live in it */

    const char *format;
    Tensor *tensors; /* (n_tensors) in order of offset */
    int n_tensors;
    MetadataOut *metadata; /* (n_metadata) by key once the file is open */
    int n_metadata;

    TensorFile **shards; /* (n_shards) owned, by path; tensors and names are theirs. NULL without shards */
    int n_shards;

    const Tensor **by_name; /* (n_tensors) */
    char digest[65];        /* "" until computed */
    Task *digesting;        /* computes it, until waited for; NULL when nobody does */
    atomic_bool stop;       /* tells that it is not needed any more */
};

/* tensors_open for a file that may not be a list of shards itself. */
TensorFile *tensors_open_shard(const char *path, Error *err);

/* Checks what is to be written: names that are there once and fit into 512 bytes of UTF-8, shapes that fit.
 */
int tensors_check_out(const char *path, const TensorOut *tensors, int n_tensors, Error *err);

/* "F32" to DTYPE_F32; -1 when the name is not one of dtype_name's. */
int dtype_from_name(const char *name);

/* Elements and bytes of a shape; -1 when they do not fit. */
int shape_size(DType dtype, int n_dims, const int64_t *shape, size_t *count, size_t *size);

/* safetensors.c */
#define SAFETENSORS_MAX_HEADER ((size_t)100000000) /* bytes, as the reference implementation has it */
int safetensors_read(TensorFile *file, Error *err);

#endif
