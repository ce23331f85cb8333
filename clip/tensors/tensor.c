/* tensor.c: see tensor.h */
#include "clip/tensors/tensor.h"

#include "clip/base/simd.h"
#include "clip/math/half.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

typedef struct {
    const char *name;
    size_t size;
    bool floating;
} DTypeInfo;

static const DTypeInfo dtypes[] = {
    [DTYPE_F64] = {"F64", 8, true},   [DTYPE_F32] = {"F32", 4, true},  [DTYPE_F16] = {"F16", 2, true},
    [DTYPE_BF16] = {"BF16", 2, true}, [DTYPE_I64] = {"I64", 8, false}, [DTYPE_I32] = {"I32", 4, false},
    [DTYPE_I16] = {"I16", 2, false},  [DTYPE_I8] = {"I8", 1, false},   [DTYPE_U8] = {"U8", 1, false},
    [DTYPE_BOOL] = {"BOOL", 1, false}};

size_t dtype_size(DType dtype) {
    return dtypes[dtype].size;
}

const char *dtype_name(DType dtype) {
    return dtypes[dtype].name;
}

bool dtype_is_floating(DType dtype) {
    return dtypes[dtype].floating;
}

int dtype_from_name(const char *name) {
    for (int i = 0; i < (int)(sizeof dtypes / sizeof dtypes[0]); i++)
        if (strcmp(dtypes[i].name, name) == 0)
            return i;
    return -1;
}

int shape_size(DType dtype, int n_dims, const int64_t *shape, size_t *count, size_t *size) {
    size_t product = 1;
    for (int i = 0; i < n_dims; i++)
        if (shape[i] < 0 || __builtin_mul_overflow(product, (uint64_t)shape[i], &product))
            return -1;
    *count = product;
    return __builtin_mul_overflow(product, dtype_size(dtype), size) ? -1 : 0;
}

char *shape_text(int n_dims, const int64_t *shape, char *out, size_t size) {
    size_t used = (size_t)snprintf(out, size, "[");
    for (int i = 0; i < n_dims && used < size; i++) {
        const char *comma = i > 0 ? ", " : "";
        int n = shape[i] < 0 ? snprintf(out + used, size - used, "%s?", comma)
                             : snprintf(out + used, size - used, "%s%" PRId64, comma, shape[i]);
        used += (size_t)n;
    }
    if (used < size)
        snprintf(out + used, size - used, "]");
    return out;
}

char *tensor_shape_text(const Tensor *tensor, char *out, size_t size) {
    return shape_text(tensor->n_dims, tensor->shape, out, size);
}

/* --- conversion --- */

const float *tensor_in_place(const Tensor *tensor) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (tensor->dtype == DTYPE_F32 && (uintptr_t)tensor->data % _Alignof(float) == 0)
        return (const float *)(const void *)tensor->data;
#endif
    (void)tensor;
    return NULL;
}

static void convert(DType dtype, float *out, const unsigned char *in, size_t n) {
    switch (dtype) {
    case DTYPE_F16:
        half_to_float(out, in, n);
        break;
    case DTYPE_BF16:
        bfloat16_to_float(out, in, n);
        break;
    case DTYPE_F64:
        for (size_t i = 0; i < n; i++) {
            double value;
            memcpy(&value, in + 8 * i, sizeof value);
            out[i] = (float)value;
        }
        break;
    default:
        memcpy(out, in, 4 * n);
        break;
    }
}

/* Whether all are finite, without a branch per element. */
VECTOR_CLONES
static bool all_finite(const float *x, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

/* In blocks, so that the check finds its floats still in the first-level cache. */
enum { BLOCK = 4096 };

bool tensor_elements(const Tensor *tensor, size_t first, size_t n, float *out) {
    const unsigned char *data = tensor->data + first * dtype_size(tensor->dtype);
    bool finite = true;
    for (size_t i = 0; i < n; i += BLOCK) {
        size_t count = n - i < BLOCK ? n - i : BLOCK;
        convert(tensor->dtype, out + i, data + i * dtype_size(tensor->dtype), count);
        finite = all_finite(out + i, count) && finite;
    }
    return finite;
}

void tensor_convert(const Tensor *tensor, size_t first, size_t n, float *out) {
    convert(tensor->dtype, out, tensor->data + first * dtype_size(tensor->dtype), n);
}

/* Whether no half has all bits of its exponent. */
VECTOR_CLONES
static bool halves_finite(const unsigned char *in, size_t n, uint16_t exponent) {
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        bad |= (uint16_t)((half & exponent) == exponent ? 0xffff : 0);
    }
    return bad == 0;
}

/* The same for floats. */
VECTOR_CLONES
static bool floats_finite(const unsigned char *in, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, in + 4 * i, sizeof bits);
        bad |= (uint32_t)((bits & 0x7f800000u) == 0x7f800000u ? -1 : 0);
    }
    return bad == 0;
}

bool tensor_finite(const Tensor *tensor, size_t first, size_t n) {
    const unsigned char *data = tensor->data + first * dtype_size(tensor->dtype);
    float block[BLOCK];
    bool finite = true;
    if (tensor->dtype == DTYPE_F16)
        return halves_finite(data, n, 0x7c00);
    if (tensor->dtype == DTYPE_BF16)
        return halves_finite(data, n, 0x7f80);
    if (tensor->dtype == DTYPE_F32)
        return floats_finite(data, n);
    for (size_t i = 0; i < n; i += BLOCK)
        finite = tensor_elements(tensor, first + i, n - i < BLOCK ? n - i : BLOCK, block) && finite;
    return finite;
}

/* --- what is to be written --- */

static int compare_texts(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

int tensors_check_out(const char *path, const TensorOut *tensors, int n_tensors, Error *err) {
    const char **names = calloc((size_t)n_tensors + 1, sizeof *names);
    int result = names ? 0 : error_memory(err);
    for (int i = 0; i < n_tensors && result == 0; i++) {
        const TensorOut *tensor = &tensors[i];
        size_t n = strlen(tensor->name), count, size;
        names[i] = tensor->name;
        if (n > 512 || u8_check((const uint8_t *)tensor->name, n)) {
            result = error_set(err, "%s: tensor %.100s: the name is not UTF-8, or over 512 bytes", path,
                               tensor->name);
        } else if (shape_size(tensor->dtype, tensor->n_dims, tensor->shape, &count, &size) < 0) {
            result = error_set(err, "%s: tensor %s: the shape is too large", path, tensor->name);
        }
    }
    if (result == 0)
        qsort(names, (size_t)n_tensors, sizeof *names, compare_texts);
    for (int i = 1; i < n_tensors && result == 0; i++)
        if (strcmp(names[i - 1], names[i]) == 0)
            result = error_set(err, "%s: tensor %s: is there twice", path, names[i]);
    free(names);
    return result;
}
