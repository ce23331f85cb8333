/* torch_write.h: writes a checkpoint that torch.load reads, with weights_only=True too. */
#ifndef CLIP_TENSORS_TORCH_WRITE_H
#define CLIP_TENSORS_TORCH_WRITE_H

#include "clip/tensors/tensors.h"

/* A value in the state of an optimiser or of a schedule. */
typedef struct {
    const char *name;
    enum { TORCH_NONE, TORCH_BOOL, TORCH_INT, TORCH_REAL, TORCH_LIST, TORCH_PAIR } type; /* a list of one */
    double values[2];
} TorchSetting;

/* What a training goes on from, beside the model. */
typedef struct {
    int n_parameters, n_buffers; /* the first parameters of the model; per parameter */
    const TensorOut *buffers;    /* (n_parameters, n_buffers), each under its name there: "momentum_buffer" */
    int64_t step;                /* steps done, where the optimiser counts them; else -1 */
    const TorchSetting *group;   /* (n_group) of the optimiser's only group */
    int n_group;
    const TorchSetting *schedule; /* (n_schedule) */
    int n_schedule;
    double val_result; /* NAN: none */
} TorchTraining;

/* {'state_dict': OrderedDict of the tensors, 'epoch': epoch, 'optimizer': ..., 'scheduler': ...,
 * 'val_result':
 *  ...}, as Dassl stores its models; the last three are None without a training. The file is replaced
 * atomically. */
int torch_checkpoint_write(const char *path, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           const TorchTraining *training, Error *err);

/* The OrderedDict of the tensors alone: a state_dict as torch.save writes it. */
int torch_state_dict_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err);

/* A NumPy array of doubles (n_rows, n_columns) as torch.save keeps it; torch.load reads it with
 * weights_only=False. */
int torch_array_write(const char *path, const double *values, int n_rows, int n_columns, Error *err);

#endif
