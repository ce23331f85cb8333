/* safetensors_write.h: writes safetensors files. */
#ifndef CLIP_TENSORS_SAFETENSORS_WRITE_H
#define CLIP_TENSORS_SAFETENSORS_WRITE_H

#include "clip/tensors/tensor.h"

/* Writes one file atomically, its tensors sorted by item size and its header padded to 8 bytes. Metadata may
 * be any UTF-8 text (for lists: JSON text). */
int safetensors_write(const char *path, const TensorOut *tensors, int n_tensors, const MetadataOut *metadata,
                      int n_metadata, Error *err);

#endif
