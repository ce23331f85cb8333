/* torch_file.h: PyTorch's archives as a container of tensors.c. Only clip/base includes it.
 *
 * Layout (PyTorch, caffe2/serialize/inline_container.h and torch/serialization.py): a zip archive with one
 * folder of any name, and in it data.pkl          a pickle whose tensors say: storage KEY, offset, sizes,
 * strides (in items) data/KEY          the bytes of a storage, which several tensors may share version the
 * format's version, text, 1 to 10 (newer ones: .data/version) byteorder         "little" (only newer ones)
 * and, in a TorchScript archive, code and constants, which are not looked at.
 */
#ifndef CLIP_TENSORS_TORCH_FILE_H
#define CLIP_TENSORS_TORCH_FILE_H

#include "clip/tensors/tensor_file.h"

/* Whether the file's first bytes are those of a torch file (or of another zip archive), old ones included. */
bool torch_is_file(const FileMap *map);

/* Fills in the tables of the file. The formats:
 *   "torch state dict"   a dict from names to tensors; all else in it is left out
 *   "torch script"       modules within modules: names come from the nesting. Left out are numbers and the
 * like, and the three constants that OpenAI's files keep as tensors (input_resolution, ...) "torch
 * checkpoint"   a dict with a state dict under "state_dict", whose names lose a leading "module."; an integer
 * under "epoch" becomes the metadata "epoch"; all else is left out Tensors lie in the map where their strides
 * are those of a contiguous tensor, else they are gathered into the file's arena. */
int torch_read(TensorFile *file, Error *err);

#endif
