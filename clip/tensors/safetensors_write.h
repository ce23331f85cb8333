/* safetensors_write.h: writes safetensors files. */
#ifndef CLIP_TENSORS_SAFETENSORS_WRITE_H
#define CLIP_TENSORS_SAFETENSORS_WRITE_H

#include "clip/tensors/safetensors.h"

/* Writes one file atomically, its tensors sorted by item size and its header padded to 8 bytes. Metadata may
 * be any UTF-8 text (for lists: JSON text). With the pair SAFETENSORS_CHECKED among them the file carries a
 * checksum of all its bytes (safetensors.c), which whoever opens it here checks. */
#define SAFETENSORS_CHECKED                                                                                  \
    (MetadataOut) {                                                                                          \
        SAFETENSORS_CHECKSUM, SAFETENSORS_NO_CHECKSUM                                                        \
    }
int safetensors_write(const char *path, const TensorOut *tensors, int n_tensors, const MetadataOut *metadata,
                      int n_metadata, Error *err);

#endif
