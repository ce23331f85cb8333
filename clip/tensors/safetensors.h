/* safetensors.h: safetensors as a container (tensor_file.h). */
#ifndef CLIP_TENSORS_SAFETENSORS_H
#define CLIP_TENSORS_SAFETENSORS_H

#include "clip/tensors/tensor_file.h"

#define SAFETENSORS_MAX_HEADER ((size_t)100000000) /* bytes, as the reference implementation has it */
/* The key of a file's checksum in its metadata, and what stands there while it is taken. */
#define SAFETENSORS_CHECKSUM "coop_crc32"
#define SAFETENSORS_NO_CHECKSUM "00000000"

/* A file that has a checksum and does not match it is refused. */
int safetensors_read(TensorFile *file, Error *err);

#endif
