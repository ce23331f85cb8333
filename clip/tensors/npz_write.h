/* npz_write.h: writes tensors so that numpy.load opens them. */
#ifndef CLIP_TENSORS_NPZ_WRITE_H
#define CLIP_TENSORS_NPZ_WRITE_H

#include "clip/tensors/tensors.h"

/* One array per tensor, under its name. A BF16 tensor is an error: numpy has no such type. The file is
 * replaced atomically. */
int npz_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err);

#endif
