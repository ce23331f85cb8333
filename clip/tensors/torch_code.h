/* torch_code.h: what the code in a TorchScript archive calls.
 *
 * Layout: the members whose names begin with PREFIX/code/ and end with .py are the forward pass as text, in a
 * subset of Python in which every built-in function is written with its module ("torch.gelu(x)"). Nothing of
 * it is run.
 */
#ifndef CLIP_TENSORS_TORCH_CODE_H
#define CLIP_TENSORS_TORCH_CODE_H

#include "clip/tensors/tensors.h"

#include <stdbool.h>

/* found[i]: whether texts[i] (n of them) is anywhere in the code of the file. A file that is no TorchScript
 * archive has no code. */
int torch_code_find(const TensorFile *file, const char *const *texts, int n, bool *found, Error *err);

#endif
