/* safetensors.h: safetensors as a container (tensor_file.h). */
#ifndef CLIP_TENSORS_SAFETENSORS_H
#define CLIP_TENSORS_SAFETENSORS_H

#include "clip/tensors/tensor_file.h"

#define SAFETENSORS_MAX_HEADER ((size_t)100000000) /* bytes, as the reference implementation has it */

int safetensors_read(TensorFile *file, Error *err);

#endif
