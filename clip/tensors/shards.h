/* shards.h: a checkpoint in several files, as a container (tensor_file.h).
 *
 * Layout (huggingface/transformers, "model.safetensors.index.json"): a JSON object that says for each tensor
 * in which file of the same folder it is:
 *     {"metadata": {...}, "weight_map": {"text_projection.weight": "model-00001-of-00002.safetensors", ...}}
 */
#ifndef CLIP_TENSORS_SHARDS_H
#define CLIP_TENSORS_SHARDS_H

#include "clip/tensors/tensor_file.h"

/* Whether the file is JSON text, or its name ends as that of an index. */
bool shards_is_index(const TensorFile *file);

/* Opens one of them, which may not be a list of shards itself. */
typedef TensorFile *(*OpenShard)(const char *path, Error *err);

/* Opens the shards, of any container, and takes from each the tensors that the map says: by name of the
 * shard, and in each by offset. What else is in a shard is left out. The format is "sharded " and that of the
 * shards. */
int shards_read(TensorFile *file, OpenShard open, Error *err);

#endif
