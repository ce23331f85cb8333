/* torch_write.h: writes a checkpoint that torch.load reads, with weights_only=True too. */
#ifndef CLIP_TENSORS_TORCH_WRITE_H
#define CLIP_TENSORS_TORCH_WRITE_H

#include "clip/tensors/tensors.h"

/* {'state_dict': OrderedDict of the tensors, 'epoch': epoch, 'optimizer': None, 'scheduler': None,
 *  'val_result': None}, as Dassl stores its models. The file is replaced atomically. */
int torch_checkpoint_write(const char *path, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           Error *err);

/* The OrderedDict of the tensors alone: a state_dict as torch.save writes it. */
int torch_state_dict_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err);

#endif
