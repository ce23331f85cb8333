/* tensors.c: named tensors in a file: what does not depend on the container.
 *
 * tensors_open maps the file, looks at its first bytes to choose the reader, lets it fill the tables of
 * tensors_private.h, and then sorts an index by name.
 */
#include "clip/tensors/tensors.h"

#include "clip/math/half.h"
#include "clip/tensors/shards.h"
#include "clip/tensors/tensors_private.h"
#include "clip/tensors/torch_file.h"

#include <inttypes.h>
#include <math.h>
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

/* --- opening --- */

static int compare_tensors(const void *a, const void *b) {
    return strcmp((*(const Tensor *const *)a)->name, (*(const Tensor *const *)b)->name);
}

static int compare_metadata(const void *a, const void *b) {
    return strcmp(((const MetadataOut *)a)->key, ((const MetadataOut *)b)->key);
}

static int build_index(TensorFile *file, Error *err) {
    file->by_name = ARENA_NEW(file->arena, const Tensor *, file->n_tensors);
    if (arena_failed(file->arena))
        return error_memory(err);
    for (int i = 0; i < file->n_tensors; i++)
        file->by_name[i] = &file->tensors[i];
    qsort(file->by_name, file->n_tensors, sizeof *file->by_name, compare_tensors);
    for (int i = 1; i < file->n_tensors; i++)
        if (strcmp(file->by_name[i - 1]->name, file->by_name[i]->name) == 0)
            return error_set(err, "%s: tensor %s: is there twice", file->path, file->by_name[i]->name);
    if (file->n_metadata > 0)
        qsort(file->metadata, file->n_metadata, sizeof *file->metadata, compare_metadata);
    for (int i = 1; i < file->n_metadata; i++)
        if (strcmp(file->metadata[i - 1].key, file->metadata[i].key) == 0)
            return error_set(err, "%s: metadata %s: is there twice", file->path, file->metadata[i].key);
    return 0;
}

/* Chooses the reader by the first bytes. safetensors has no magic number: what is nothing else is read as
 * one. */
static int read_container(TensorFile *file, bool is_shard, Error *err) {
    if (shards_is_index(file)) {
        return is_shard ? error_set(err, "%s: a list of shards, where a shard is needed", file->path)
                        : shards_read(file, err);
    }
    return torch_is_file(&file->map) ? torch_read(file, err) : safetensors_read(file, err);
}

static void compute_digest(void *context) {
    TensorFile *file = context;
    digest_bytes_until(file->digest, file->map.data, file->map.size, &file->stop);
}

static TensorFile *open_file(const char *path, bool is_shard, bool digest, Error *err) {
    TensorFile *file = calloc(1, sizeof *file);
    if (!file) {
        error_memory(err);
        return NULL;
    }
    file->arena = arena_create();
    file->path = file->arena ? arena_strdup(file->arena, path) : NULL;
    if (!file->path) {
        error_memory(err);
        goto fail;
    }
    if (file_map(&file->map, path, err) < 0)
        goto fail;
    if (file->map.size == 0) {
        error_set(err, "%s: the file is empty", path);
        goto fail;
    }
    if (digest && !shards_is_index(file))
        file->digesting = task_start(compute_digest, file);
    if (read_container(file, is_shard, err) < 0 || build_index(file, err) < 0)
        goto fail;
    return file;
fail:
    tensors_close(file);
    return NULL;
}

TensorFile *tensors_open(const char *path, Error *err) {
    return open_file(path, false, false, err);
}

TensorFile *tensors_open_digesting(const char *path, Error *err) {
    return open_file(path, false, true, err);
}

TensorFile *tensors_open_shard(const char *path, Error *err) {
    return open_file(path, true, false, err);
}

void tensors_close(TensorFile *file) {
    if (file) {
        atomic_store(&file->stop, true);
        task_wait(file->digesting);
        for (int i = 0; i < file->n_shards; i++)
            tensors_close(file->shards[i]);
        file_unmap(&file->map);
        arena_free(file->arena);
        free(file);
    }
}

/* --- looking up --- */

const char *tensors_path(const TensorFile *file) {
    return file->path;
}

const char *tensors_format(const TensorFile *file) {
    return file->format;
}

const char *tensors_stamp(const TensorFile *file) {
    return file->n_shards > 0 ? NULL : file->map.stamp;
}

const char *tensors_digest(TensorFile *file) {
    task_wait(file->digesting);
    file->digesting = NULL;
    if (file->digest[0] == '\0' && file->n_shards > 0)
        shards_digest(file);
    else if (file->digest[0] == '\0')
        compute_digest(file);
    return file->digest;
}

int tensors_count(const TensorFile *file) {
    return file->n_tensors;
}

const Tensor *tensors_at(const TensorFile *file, int index) {
    return &file->tensors[index];
}

const Tensor *tensors_find(const TensorFile *file, const char *name) {
    Tensor wanted = {.name = name};
    const Tensor *key = &wanted;
    const Tensor **found =
        bsearch(&key, file->by_name, file->n_tensors, sizeof *file->by_name, compare_tensors);
    return found ? *found : NULL;
}

const char *tensors_metadata(const TensorFile *file, const char *key) {
    if (file->n_metadata == 0)
        return NULL;
    MetadataOut wanted = {key, NULL};
    const MetadataOut *found =
        bsearch(&wanted, file->metadata, file->n_metadata, sizeof *file->metadata, compare_metadata);
    return found ? found->value : NULL;
}

int tensors_metadata_count(const TensorFile *file) {
    return file->n_metadata;
}

void tensors_metadata_at(const TensorFile *file, int index, const char **key, const char **value) {
    *key = file->metadata[index].key;
    *value = file->metadata[index].value;
}

/* --- shapes --- */

/* "[4, 128]", with "?" for -1. */
static char *shape_text(int n_dims, const int64_t *shape, char *out, size_t size) {
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

static int need_floating(const TensorFile *file, const Tensor *tensor, Error *err) {
    if (!dtypes[tensor->dtype].floating) {
        return error_set(err, "%s: tensor %s: type %s where a floating type is needed", file->path,
                         tensor->name, dtype_name(tensor->dtype));
    }
    return 0;
}

const Tensor *tensors_need(const TensorFile *file, const char *name, int n_dims, const int64_t *shape,
                           Error *err) {
    const Tensor *tensor = tensors_find(file, name);
    if (!tensor) {
        error_set(err, "%s: tensor %s: missing", file->path, name);
        return NULL;
    }
    bool same = tensor->n_dims == n_dims;
    for (int i = 0; i < n_dims && same; i++)
        same = shape[i] == -1 || shape[i] == tensor->shape[i];
    if (!same) {
        char have[200], want[200];
        error_set(err, "%s: tensor %s: shape %s where %s is needed", file->path, name,
                  tensor_shape_text(tensor, have, sizeof have), shape_text(n_dims, shape, want, sizeof want));
        return NULL;
    }
    return need_floating(file, tensor, err) == 0 ? tensor : NULL;
}

/* --- conversion --- */

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
static bool all_finite(const float *x, size_t n) {
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bad |= (bits & 0x7f800000u) == 0x7f800000u;
    }
    return bad == 0;
}

static int not_finite(const TensorFile *file, const Tensor *tensor, const float *out, Error *err) {
    size_t i = 0;
    while (isfinite(out[i]))
        i++;
    const char *what = isnan(out[i]) ? "NaN" : out[i] > 0 ? "Inf" : "-Inf";
    if (tensor->dtype == DTYPE_F64) {
        double value;
        memcpy(&value, tensor->data + 8 * i, sizeof value);
        what = isfinite(value) ? "too large for a float" : what;
    }
    return error_set(err, "%s: tensor %s: element %zu is %s", file->path, tensor->name, i, what);
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
static bool halves_finite(const unsigned char *in, size_t n, uint16_t exponent) {
    uint16_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        bad |= (uint16_t)((half & exponent) == exponent ? 0xffff : 0);
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
    for (size_t i = 0; i < n; i += BLOCK)
        finite = tensor_elements(tensor, first + i, n - i < BLOCK ? n - i : BLOCK, block) && finite;
    return finite;
}

int tensor_to_float(const TensorFile *file, const Tensor *tensor, float *out, Error *err) {
    if (need_floating(file, tensor, err) < 0)
        return -1;
    return tensor_elements(tensor, 0, tensor->count, out) ? 0 : not_finite(file, tensor, out, err);
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
        } else if (shape_size(tensor->dtype, tensor->n_dims, tensor->shape, &count, &size) != 0) {
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
