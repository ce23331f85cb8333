/* shards.h: reads the list of a checkpoint in several files.
 *
 * Layout (huggingface/transformers, "model.safetensors.index.json"): a JSON object that says for each tensor
 * in which file of the same folder it is:
 *     {"metadata": {...}, "weight_map": {"text_projection.weight": "model-00001-of-00002.safetensors", ...}}
 */
#ifndef CLIP_TENSORS_SHARDS_H
#define CLIP_TENSORS_SHARDS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/files.h"

#include <stdbool.h>

enum { SHARDS_MAX_FILES = 1000 }; /* real checkpoints have some tens */

typedef struct {
    const char *tensor;
    int file; /* index into files */
} ShardEntry;

typedef struct {
    const char **files;  /* (n_files) each once, sorted; paths within the folder of the list */
    ShardEntry *entries; /* (n_entries) in the order of the list */
    int n_files, n_entries;
} ShardIndex;

/* Whether the file is JSON text, or has the name of such a list (*.index.json). */
bool shards_is_index(const char *path, const FileMap *map);

/* Reads the list; everything is owned by the arena. No shard is opened. */
int shards_read(ShardIndex *index, const char *path, const FileMap *map, Arena *arena, Error *err);

#endif
