/* tensors_open.c: tells containers apart and opens them.
 *
 * The file is mapped, its first bytes choose the reader, the reader fills in the tables of tensor_file.h, and
 * the tensors are indexed by name. A list of shards is the one container whose tensors are in other files;
 * those are opened in the same way, one after the other.
 */
#include "clip/tensors/tensors_open.h"

#include "clip/tensors/npz.h"
#include "clip/tensors/safetensors.h"
#include "clip/tensors/shards.h"
#include "clip/tensors/tensor_file.h"
#include "clip/tensors/torch_file.h"

#include <stdlib.h>
#include <string.h>

static TensorFile *new_file(const char *path, Error *err) {
    TensorFile *file = calloc(1, sizeof *file);
    if (file)
        file->arena = arena_create();
    if (file && file->arena)
        file->path = arena_strdup(file->arena, path);
    if (file && file->path)
        return file;
    error_memory(err);
    tensors_close(file);
    return NULL;
}

/* A mapped file that nothing has been read from yet. */
static TensorFile *map_file(const char *path, Error *err) {
    TensorFile *file = new_file(path, err);
    if (!file)
        return NULL;
    if (file_map(&file->map, path, err) == 0) {
        if (file->map.size > 0)
            return file;
        error_set(err, "%s: the file is empty", path);
    }
    tensors_close(file);
    return NULL;
}

/* Chooses the reader by the first bytes. safetensors has no magic number, so whatever is nothing else is
 * read as such a file. */
static int read_container(TensorFile *file, Error *err) {
    return npz_is_file(&file->map)     ? npz_read(file, err)
           : torch_is_file(&file->map) ? torch_read(file, err)
                                       : safetensors_read(file, err);
}

/* --- shards --- */

static TensorFile *open_shard(const char *path, Pool *pool, Error *err) {
    TensorFile *file = map_file(path, err);
    if (!file)
        return NULL;
    file->pool = pool;
    const int result = shards_is_index(path, &file->map)
                           ? error_set(err, "%s: a list of shards, where a shard is needed", path)
                           : read_container(file, err);
    if (result < 0 || tensor_file_index(file, err) < 0) {
        tensors_close(file);
        return NULL;
    }
    return file;
}

static int open_shards(TensorFile *file, const ShardIndex *index, Error *err) {
    const char *folder = path_folder(file->arena, file->path);
    const char *format = NULL;
    file->shards = ARENA_NEW(file->arena, TensorFile *, index->n_files);
    if (arena_failed(file->arena))
        return error_memory(err);
    for (int i = 0; i < index->n_files; i++) {
        const char *name = index->files[i], *path = path_join(file->arena, folder, name);
        if (!path)
            return error_memory(err);
        TensorFile *shard = open_shard(path, file->pool, err);
        if (!shard)
            return error_prefix(err, "%s: shard %s", file->path, name);
        file->shards[file->n_shards++] = shard;
        if (format && strcmp(format, shard->format) != 0) {
            return error_set(err, "%s: shard %s: is a %s, where others are %s", file->path, name,
                             shard->format, format);
        }
        format = shard->format;
    }
    file->format = arena_printf(file->arena, "sharded %s", format);
    return file->format ? 0 : error_memory(err);
}

/* A tensor that the list names, in its shard. */
typedef struct {
    int shard;
    const Tensor *tensor;
} Listed;

/* By shard, then by offset, which is the order of a shard's tensors. */
static int compare_listed(const void *a, const void *b) {
    const Listed *x = a, *y = b;
    if (x->shard != y->shard)
        return x->shard - y->shard;
    return (x->tensor > y->tensor) - (x->tensor < y->tensor);
}

/* Takes from each shard the tensors that the list says are there. */
static int take_tensors(TensorFile *file, const ShardIndex *index, Error *err) {
    Listed *listed = ARENA_NEW(file->arena, Listed, index->n_entries);
    file->tensors = ARENA_NEW(file->arena, Tensor, index->n_entries);
    if (arena_failed(file->arena))
        return error_memory(err);
    for (int i = 0; i < index->n_entries; i++) {
        const ShardEntry *entry = &index->entries[i];
        listed[i] = (Listed){entry->file, tensors_find(file->shards[entry->file], entry->tensor)};
        if (!listed[i].tensor) {
            return error_set(err, "%s: tensor %s: missing in shard %s", file->path, entry->tensor,
                             index->files[entry->file]);
        }
    }
    qsort(listed, (size_t)index->n_entries, sizeof *listed, compare_listed);
    for (int i = 0; i < index->n_entries; i++)
        file->tensors[file->n_tensors++] = *listed[i].tensor;
    return 0;
}

static int read_shards(TensorFile *file, Error *err) {
    ShardIndex index;
    if (shards_read(&index, file->path, &file->map, file->arena, err) < 0 ||
        open_shards(file, &index, err) < 0)
        return -1;
    return take_tensors(file, &index, err);
}

/* --- any file --- */

static TensorFile *open_file(const char *path, bool digest, bool with_optimizer, Pool *pool, Error *err) {
    TensorFile *file = map_file(path, err);
    if (!file)
        return NULL;
    file->pool = pool;
    file->with_optimizer = with_optimizer;
    const bool is_index = shards_is_index(path, &file->map);
    if (digest && !is_index)
        file->digesting = task_start(tensor_file_digest, file);
    if ((is_index ? read_shards(file, err) : read_container(file, err)) < 0 ||
        tensor_file_index(file, err) < 0) {
        tensors_close(file);
        return NULL;
    }
    return file;
}

TensorFile *tensors_open(const char *path, Error *err) {
    return open_file(path, false, false, NULL, err);
}

TensorFile *tensors_open_large(const char *path, bool digest, Pool *pool, Error *err) {
    return open_file(path, digest, false, pool, err);
}

TensorFile *tensors_open_training(const char *path, Error *err) {
    return open_file(path, false, true, NULL, err);
}

TensorFile *tensors_open_bytes(const void *bytes, size_t size, const char *name, Error *err) {
    TensorFile *file = new_file(name, err);
    if (!file)
        return NULL;
    file->map = (FileMap){.data = bytes, .size = size};
    file->borrowed = true;
    if (size > 0 ? read_container(file, err) == 0 && tensor_file_index(file, err) == 0
                 : error_set(err, "%s: no bytes", name) == 0)
        return file;
    tensors_close(file);
    return NULL;
}
