/* tensors.h: named tensors in a file, whatever the container.
 *
 * A TensorFile is opened read-only and mapped; tensors are views into the map where their elements lie one
 * behind the other there. Containers are told apart by content. (Layouts of the bytes: safetensors.c,
 * torch_file.h, shards.h.)
 */
#ifndef CLIP_TENSORS_TENSORS_H
#define CLIP_TENSORS_TENSORS_H

#include "clip/base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TENSOR_MAX_DIMS 8

typedef enum {
    DTYPE_F64,
    DTYPE_F32,
    DTYPE_F16,
    DTYPE_BF16,
    DTYPE_I64,
    DTYPE_I32,
    DTYPE_I16,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_BOOL
} DType;

size_t dtype_size(DType dtype);
const char *dtype_name(DType dtype); /* "F32" */

typedef struct {
    const char *name;
    DType dtype;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const unsigned char *data; /* (size) bytes, little-endian, contiguous, not necessarily aligned */
    size_t count;              /* elements */
    size_t size;               /* bytes */
} Tensor;

typedef struct TensorFile TensorFile;

/* Caller closes. An error names the file, the place and the reason. */
TensorFile *tensors_open(const char *path, Error *err);
/* The same where the digest will be asked for: begins with it on another thread. (Shards are digested one by
 * one, when it is asked for.) */
TensorFile *tensors_open_digesting(const char *path, Error *err);
void tensors_close(TensorFile *file); /* NULL is fine */

const char *tensors_path(const TensorFile *file);
/* "safetensors", "torch state dict", "torch script", "torch checkpoint"; "sharded " and one of them */
const char *tensors_format(const TensorFile *file);
/* SHA-256 of the whole file, computed once; of sharded files that of their digests, one behind the other */
const char *tensors_digest(TensorFile *file);
const char *tensors_stamp(const TensorFile *file); /* FileMap.stamp; NULL of sharded files */
int tensors_count(const TensorFile *file);
const Tensor *tensors_at(const TensorFile *file, int index);           /* in order of offset */
const Tensor *tensors_find(const TensorFile *file, const char *name);  /* NULL when absent; O(log n) */
const char *tensors_metadata(const TensorFile *file, const char *key); /* NULL when absent */
int tensors_metadata_count(const TensorFile *file);
void tensors_metadata_at(const TensorFile *file, int index, const char **key, const char **value);

/* "[4, 128]" into out; returns out. */
char *tensor_shape_text(const Tensor *tensor, char *out, size_t size);

/* The tensor `name` with exactly the given shape (-1 matches any extent), of a floating type; an error says
 * "FILE: tensor NAME: missing" or "FILE: tensor NAME: shape [3] where [4, 128] is needed". Borrowed from the
 * file. */
const Tensor *tensors_need(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                           Error *err);

/* Converts to float, element by element, exactly (F64 rounds). A NaN or Inf is an error that names tensor and
 * index. out has room for tensor->count floats. */
int tensor_to_float(const TensorFile *file, const Tensor *tensor, float *out, Error *err);

/* Elements first .. first + n - 1 of a tensor of a floating type, converted alike; false when one is NaN or
 * Inf. */
bool tensor_elements(const Tensor *tensor, size_t first, size_t n, float *out);
/* The two halves of that: converted without a look at them; looked at alone. */
void tensor_convert(const Tensor *tensor, size_t first, size_t n, float *out);
bool tensor_finite(const Tensor *tensor, size_t first, size_t n);

/* --- writing --- */

typedef struct {
    const char *name;
    DType dtype;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const void *data; /* contiguous, in the machine's byte order */
} TensorOut;

typedef struct {
    const char *key, *value;
} MetadataOut;

/* Writes one safetensors file atomically: sorted by item size, header padded to 8 bytes. Metadata values may
 * be any UTF-8 text (JSON text for lists). */
int safetensors_write(const char *path, const TensorOut *tensors, int n_tensors, const MetadataOut *metadata,
                      int n_metadata, Error *err);

#endif
