/* torch_tensor.h: one tensor of a PyTorch archive: what the pickle says of it, and where its bytes are. Only
 * torch_file.c includes it. */
#ifndef CLIP_TENSORS_TORCH_TENSOR_H
#define CLIP_TENSORS_TORCH_TENSOR_H

#include "clip/tensors/pickle.h"
#include "clip/tensors/tensor_file.h"
#include "clip/tensors/zip.h"

/* Where the bytes of tensors come from. */
typedef struct {
    ZipArchive zip;
    const char *folder;  /* "PREFIX/data/" */
    signed char *dtypes; /* (zip.n_members) the DType that a member has been used as; -1 not yet */
} TorchStorages;

typedef struct {
    Tensor tensor;                    /* data: its first element, in the map */
    int64_t strides[TENSOR_MAX_DIMS]; /* in elements */
    bool is_contiguous;
} TorchTensor;

int torch_storages_init(TorchStorages *storages, const char *prefix, Arena *arena, Error *err);

/* Whether a value is a tensor, of a kind that is read or not. */
bool torch_is_tensor(const PickleValue *value);

/* What the tensor was built from: the arguments of torch._utils._rebuild_tensor_v2, out of a parameter around
 * it, if need be. An error when it was built otherwise. */
int torch_tensor_arguments(const TorchStorages *storages, const char *name, const PickleValue *value,
                           const PickleItems **arguments, Error *err);

/* Fills in everything but the name, which is there. Every element lies inside the storage. */
int torch_tensor_check(TorchStorages *storages, TorchTensor *tensor, const PickleItems *arguments,
                       Error *err);

/* Sorts the tensors by place and copies them to file->tensors; those that are not contiguous are gathered
 * into the file's arena. */
int torch_tensors_gather(TorchTensor *tensors, size_t n, TensorFile *file, Error *err);

#endif
