/* shards.h: a checkpoint in several files, as a container of tensors.c. Only clip/base includes it.
 *
 * Layout (huggingface/transformers, "model.safetensors.index.json"): a JSON object that says for each tensor
 * in which file of the same folder it is:
 *     {"metadata": {...}, "weight_map": {"text_projection.weight": "model-00001-of-00002.safetensors", ...}}
 */
#ifndef CLIP_TENSORS_SHARDS_H
#define CLIP_TENSORS_SHARDS_H

#include "clip/tensors/tensors_private.h"

/* Whether the file is JSON text, or its name ends as that of an index. */
bool shards_is_index(const TensorFile *file);

/* Opens the shards, of any container, and takes from each the tensors that the map says: by name of the
 * shard, and in each by offset. What else is in a shard is left out. The format is "sharded " and that of the
 * shards. */
int shards_read(TensorFile *file, Error *err);

/* file->digest: SHA-256 of the shards' digests as text, one behind the other, by name of the shard. */
void shards_digest(TensorFile *file);

#endif
