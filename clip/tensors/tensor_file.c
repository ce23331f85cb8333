/* tensor_file.c: see tensor_file.h */
#include "clip/tensors/tensor_file.h"

#include <stdlib.h>
#include <string.h>

static int compare_tensors(const void *a, const void *b) {
    return strcmp((*(const Tensor *const *)a)->name, (*(const Tensor *const *)b)->name);
}

static int compare_metadata(const void *a, const void *b) {
    return strcmp(((const MetadataOut *)a)->key, ((const MetadataOut *)b)->key);
}

int tensor_file_index(TensorFile *file, Error *err) {
    file->by_name = ARENA_NEW(file->arena, const Tensor *, file->n_tensors);
    if (arena_failed(file->arena))
        return error_memory(err);
    for (int i = 0; i < file->n_tensors; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->n_tensors, sizeof *file->by_name, compare_tensors);
    for (int i = 1; i < file->n_tensors; i++)
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0)
            return error_set(err, "%s: tensor %s: is there twice", file->path, file->by_name[i]->name);
    if (file->n_metadata > 0)
        qsort(file->metadata, file->n_metadata, sizeof *file->metadata, compare_metadata);
    for (int i = 1; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i - 1].key, file->metadata[i].key) == 0)
            return error_set(err, "%s: metadata %s: is there twice", file->path, file->metadata[i].key);
    return 0;
}

const Tensor *tensor_file_find(const TensorFile *file, const char *name) {
    Tensor wanted = {.name = name};
    const Tensor *key = &wanted;
    const Tensor **found =
        bsearch(&key, file->by_name, file->n_tensors, sizeof *file->by_name, compare_tensors);
    return found ? *found : NULL;
}

const char *tensor_file_metadata(const TensorFile *file, const char *key) {
    if (file->n_metadata == 0)
        return NULL;
    MetadataOut wanted = {key, NULL};
    const MetadataOut *found =
        bsearch(&wanted, file->metadata, file->n_metadata, sizeof *file->metadata, compare_metadata);
    return found ? found->value : NULL;
}

void tensor_file_digest(void *context) {
    TensorFile *file = context;
    digest_bytes_until(file->digest, file->map.data, file->map.size, &file->stop);
}
