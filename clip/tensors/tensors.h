/* tensors.h: named tensors in a file, whatever the container.
 *
 * A TensorFile is mapped read-only (tensors_open.h); a tensor is a view into the map where its elements are
 * contiguous there.
 */
#ifndef CLIP_TENSORS_TENSORS_H
#define CLIP_TENSORS_TENSORS_H

#include "clip/tensors/tensor.h"

typedef struct TensorFile TensorFile;

void tensors_close(TensorFile *file); /* NULL is fine */
/* Most of it has been read and will not be again: gives its pages back (file_map_rest). */
void tensors_rest(const TensorFile *file);

const char *tensors_path(const TensorFile *file);
/* "safetensors", "torch state dict", "torch script", "torch checkpoint", "npz"; or "sharded " and one of
 * these */
const char *tensors_format(const TensorFile *file);
/* SHA-256 of the whole file; for a sharded checkpoint that of the shards' digests, as text, in the order of
 * the shards' names. Computed by the first call; once that has returned, any thread may ask. */
const char *tensors_digest(TensorFile *file);
const char *tensors_stamp(const TensorFile *file); /* FileMap.stamp; NULL for a sharded checkpoint */
/* Whether the file has a checksum of all its bytes (safetensors_write.h); a wrong one is refused. */
bool tensors_checked(const TensorFile *file);
int tensors_count(const TensorFile *file);
const Tensor *tensors_at(const TensorFile *file, int index);           /* in order of offset */
const Tensor *tensors_find(const TensorFile *file, const char *name);  /* NULL when absent; O(log n) */
const char *tensors_metadata(const TensorFile *file, const char *key); /* NULL when absent */
int tensors_metadata_count(const TensorFile *file);
void tensors_metadata_at(const TensorFile *file, int index, const char **key, const char **value);

/* The tensor `name` with exactly the given shape (-1 matches any extent), of a floating type; an error says
 * "FILE: tensor NAME: missing" or "FILE: tensor NAME: shape [3] where [4, 128] is needed". Borrowed from the
 * file. */
const Tensor *tensors_need(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                           Error *err);

/* All elements as floats, exactly (F64 rounds), into out (tensor->count). A NaN or Inf is an error that names
 * the tensor and the index. */
int tensor_to_float(const TensorFile *file, const Tensor *tensor, float *out, Error *err);

#endif
