/* torch_tensor.h: one tensor of a PyTorch archive: what the pickle says about it, and where its bytes are.
 * Only torch_file.c includes it. */
#ifndef CLIP_TENSORS_TORCH_TENSOR_H
#define CLIP_TENSORS_TORCH_TENSOR_H

#include "clip/tensors/pickle.h"
#include "clip/tensors/tensor_file.h"
#include "clip/tensors/zip.h"

/* The storages of an archive, which hold the bytes of tensors. */
typedef struct {
    ZipArchive zip;
    const char *folder;  /* "PREFIX/data/" */
    signed char *dtypes; /* (zip.n_members) the DType that a member is used with; -1: not used yet */
} TorchStorages;

typedef struct {
    Tensor tensor;                    /* data: its first element, in the map */
    int64_t strides[TENSOR_MAX_DIMS]; /* in elements */
    bool is_contiguous;
} TorchTensor;

int torch_storages_init(TorchStorages *storages, const char *prefix, Arena *arena, Error *err);

/* Whether a value is a tensor, even of a kind that is not read here. */
bool torch_is_tensor(const PickleValue *value);

/* What the tensor was built from: the arguments of torch._utils._rebuild_tensor_v2, if need be from within a
 * parameter. An error when it was built in another way. */
int torch_tensor_arguments(const TorchStorages *storages, const char *name, const PickleValue *value,
                           const PickleItems **arguments, Error *err);

/* Fills in everything but the name, which is set. Checks that every element is within the storage. */
int torch_tensor_check(TorchStorages *storages, TorchTensor *tensor, const PickleItems *arguments,
                       Error *err);

/* Sorts the tensors by place and copies them to file->tensors; those that are not contiguous are gathered
 * into the file's arena. */
int torch_tensors_gather(TorchTensor *tensors, size_t n, TensorFile *file, Error *err);

#endif
