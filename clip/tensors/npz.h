/* npz.h: NumPy's archives of arrays as a container of tensors.c. Only clip/tensors includes it. The layout is
 * in npz_write.c. */
#ifndef CLIP_TENSORS_NPZ_H
#define CLIP_TENSORS_NPZ_H

#include "clip/tensors/tensor_file.h"

/* Whether it is a zip archive that begins with an array. */
bool npz_is_file(const FileMap *map);

/* Fills in the tables of the file. Arrays are those of np.savez: not compressed, in C order, of numbers of
 * this machine's byte order. */
int npz_read(TensorFile *file, Error *err);

#endif
