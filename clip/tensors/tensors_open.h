/* tensors_open.h: opens a file of named tensors. Containers are told apart by content. (Layouts of the bytes:
 * safetensors.c, torch_file.h, shards.h.)
 */
#ifndef CLIP_TENSORS_TENSORS_OPEN_H
#define CLIP_TENSORS_TENSORS_OPEN_H

#include "clip/base/parallel.h"
#include "clip/tensors/tensors.h"

/* Caller closes. An error names the file, the place and the reason. */
TensorFile *tensors_open(const char *path, Error *err);
/* The same from bytes, which are borrowed until it is closed; name stands for the path. No list of shards. */
TensorFile *tensors_open_bytes(const void *bytes, size_t size, const char *name, Error *err);
/* The same with the optimiser's state of a torch checkpoint, whose tensors are called
 * "optimizer.0.momentum_buffer", by the number of the parameter. */
TensorFile *tensors_open_training(const char *path, Error *err);
/* The same as tensors_open, with the threads of a pool for a checksum; NULL: this one. When the digest will
 * be asked for, starts computing it on another thread. (A sharded checkpoint is digested only when it is
 * asked for.) */
TensorFile *tensors_open_large(const char *path, bool digest, Pool *pool, Error *err);

#endif
