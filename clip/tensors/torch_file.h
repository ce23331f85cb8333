/* torch_file.h: PyTorch's archives as a container of tensors.c. Only clip/base includes it.
 *
 * Layout (PyTorch, caffe2/serialize/inline_container.h and torch/serialization.py): a zip archive with one
 * folder, of any name, that holds
 *     data.pkl    a pickle whose tensors give a storage's KEY, an offset, sizes and strides (in items)
 *     data/KEY    the bytes of a storage, which several tensors may share
 *     version     the version of the format as text, 1 to 10 (newer archives: .data/version)
 *     byteorder   "little" (newer archives only)
 * and, in a TorchScript archive, code (torch_code.h) and constants, which are ignored.
 */
#ifndef CLIP_TENSORS_TORCH_FILE_H
#define CLIP_TENSORS_TORCH_FILE_H

#include "clip/tensors/tensor_file.h"

/* Whether the first bytes are those of a torch file, old ones included, or of any other zip archive. */
bool torch_is_file(const FileMap *map);

/* Fills in the tables of the file. Its format becomes one of
 *   "torch state dict"   a dict from names to tensors
 *   "torch checkpoint"   a dict with a state dict under "state_dict", whose names lose a leading "module.";
 *                        an integer under "epoch" becomes the metadata "epoch", a float under "val_result"
 *                        "val_result". Where the file asks for it (with_optimizer), the tensors of
 *                        "optimizer" go in as "optimizer.NUMBER.NAME"
 *   "torch script"       modules within modules: names come from the nesting. The three constants that
 *                        OpenAI's files keep as tensors (input_resolution, ...) are left out
 * and whatever else is there is left out. Tensors whose strides are contiguous stay in the map; others are
 * gathered into the file's arena. */
int torch_read(TensorFile *file, Error *err);

#endif
