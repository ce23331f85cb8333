/* tensors_open.c: maps the file, chooses the reader by its first bytes, lets it fill in the tables of
 * tensor_file.h, and then indexes the tensors by name.
 */
#include "clip/tensors/tensors_open.h"

#include "clip/tensors/safetensors.h"
#include "clip/tensors/shards.h"
#include "clip/tensors/tensor_file.h"
#include "clip/tensors/torch_file.h"

#include <stdlib.h>

static TensorFile *open_shard(const char *path, Error *err);

/* Chooses the reader by the first bytes. safetensors has no magic number: what is nothing else is read as
 * one. */
static int read_container(TensorFile *file, bool is_shard, Error *err) {
    if (shards_is_index(file)) {
        return is_shard ? error_set(err, "%s: a list of shards, where a shard is needed", file->path)
                        : shards_read(file, open_shard, err);
    }
    return torch_is_file(&file->map) ? torch_read(file, err) : safetensors_read(file, err);
}

static TensorFile *open_file(const char *path, bool is_shard, bool digest, Error *err) {
    TensorFile *file = calloc(1, sizeof *file);
    if (!file) {
        error_memory(err);
        return NULL;
    }
    file->arena = arena_create();
    file->path = file->arena ? arena_strdup(file->arena, path) : NULL;
    if (!file->path) {
        error_memory(err);
        goto fail;
    }
    if (file_map(&file->map, path, err) < 0)
        goto fail;
    if (file->map.size == 0) {
        error_set(err, "%s: the file is empty", path);
        goto fail;
    }
    if (digest && !shards_is_index(file))
        file->digesting = task_start(tensor_file_digest, file);
    if (read_container(file, is_shard, err) < 0 || tensor_file_index(file, err) < 0)
        goto fail;
    return file;
fail:
    tensors_close(file);
    return NULL;
}

static TensorFile *open_shard(const char *path, Error *err) {
    return open_file(path, true, false, err);
}

TensorFile *tensors_open(const char *path, Error *err) {
    return open_file(path, false, false, err);
}

TensorFile *tensors_open_digesting(const char *path, Error *err) {
    return open_file(path, false, true, err);
}
