/* tensor.h: a named tensor in a file, and one that is to be written: type, shape and elements. */
#ifndef CLIP_TENSORS_TENSOR_H
#define CLIP_TENSORS_TENSOR_H

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
bool dtype_is_floating(DType dtype);
/* DTYPE_F32 from "F32"; -1 when the name is not one of dtype_name's. */
int dtype_from_name(const char *name);

typedef struct {
    const char *name;
    DType dtype;
    int n_dims;
    int64_t shape[TENSOR_MAX_DIMS];
    const unsigned char *data; /* (size) bytes, little-endian, contiguous, not necessarily aligned */
    size_t count, size;        /* elements, bytes */
} Tensor;

/* The elements and bytes that a shape has; -1 when the numbers do not fit. */
int shape_size(DType dtype, int n_dims, const int64_t *shape, size_t *count, size_t *size);

/* "[4, 128]" into out; returns out. */
char *tensor_shape_text(const Tensor *tensor, char *out, size_t size);
/* The same for a shape alone, with "?" for an extent of -1. */
char *shape_text(int n_dims, const int64_t *shape, char *out, size_t size);

/* The elements where they are, if they can be read as floats there (F32, aligned); else NULL. */
const float *tensor_in_place(const Tensor *tensor);

/* Elements first .. first + n - 1 of a tensor of a floating type as floats, exactly (F64 rounds); false when
 * one is NaN or Inf. */
bool tensor_elements(const Tensor *tensor, size_t first, size_t n, float *out);
/* The two halves of that: conversion without the check; the check alone. */
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

/* Checks tensors before they are written: no name twice, names of at most 512 bytes of UTF-8, shapes that
 * fit. */
int tensors_check_out(const char *path, const TensorOut *tensors, int n_tensors, Error *err);

#endif
