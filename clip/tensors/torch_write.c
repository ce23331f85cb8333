/* torch_write.c: writes a checkpoint that torch.load reads. The layout is described in torch_file.h.
 *
 * The pickle is of protocol 2 and has no memo: each tensor repeats all that it needs, in some 200 bytes.
 * Every tensor has a storage of its own, in the order given.
 */
#define _GNU_SOURCE /* open_memstream */
#include "clip/tensors/torch_write.h"

#include "clip/tensors/tensor.h"
#include "clip/tensors/zip_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const storage_types[] = {
    [DTYPE_F64] = "DoubleStorage",    [DTYPE_F32] = "FloatStorage", [DTYPE_F16] = "HalfStorage",
    [DTYPE_BF16] = "BFloat16Storage", [DTYPE_I64] = "LongStorage",  [DTYPE_I32] = "IntStorage",
    [DTYPE_I16] = "ShortStorage",     [DTYPE_I8] = "CharStorage",   [DTYPE_U8] = "ByteStorage",
    [DTYPE_BOOL] = "BoolStorage"};

/* --- the pickle --- */

static void put_number(FILE *out, int n, uint64_t value) {
    for (int i = 0; i < n; i++)
        fputc((int)(value >> 8 * i & 0xff), out);
}

static void put_text(FILE *out, const char *text) {
    size_t n = strlen(text);
    fputc('X', out); /* BINUNICODE */
    put_number(out, 4, n);
    fwrite(text, 1, n, out);
}

static void put_integer(FILE *out, int64_t value) {
    if (value >= 0 && value <= UINT16_MAX) {
        fputc(value <= UINT8_MAX ? 'K' : 'M', out); /* BININT1, BININT2 */
        put_number(out, value <= UINT8_MAX ? 1 : 2, (uint64_t)value);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        fputc('J', out); /* BININT */
        put_number(out, 4, (uint64_t)value);
    } else {
        fputs("\x8a\x08", out); /* LONG1 of 8 bytes */
        put_number(out, 8, (uint64_t)value);
    }
}

static void put_integers(FILE *out, const int64_t *values, int n) {
    fputc('(', out); /* MARK */
    for (int i = 0; i < n; i++)
        put_integer(out, values[i]);
    fputc('t', out); /* TUPLE */
}

/* OrderedDict(): GLOBAL, EMPTY_TUPLE, REDUCE */
static void put_ordered_dict(FILE *out) {
    fputs("ccollections\nOrderedDict\n)R", out);
}

/* _rebuild_tensor_v2(('storage', type, key, 'cpu', count), 0, shape, strides, False, OrderedDict()) */
static void put_tensor(FILE *out, const TensorOut *tensor, int key) {
    int64_t strides[TENSOR_MAX_DIMS], stride = 1;
    size_t count, size;
    char text[16];
    shape_size(tensor->dtype, tensor->n_dims, tensor->shape, &count, &size);
    for (int i = tensor->n_dims; i-- > 0;) {
        strides[i] = stride;
        if (count > 0) /* strides of an empty tensor mean nothing, but might overflow */
            stride *= tensor->shape[i];
    }
    fputs("ctorch._utils\n_rebuild_tensor_v2\n((", out);
    put_text(out, "storage");
    fprintf(out, "ctorch\n%s\n", storage_types[tensor->dtype]);
    snprintf(text, sizeof text, "%d", key);
    put_text(out, text);
    put_text(out, "cpu");
    put_integer(out, (int64_t)count);
    fputs("tQ", out); /* TUPLE, BINPERSID */
    put_integer(out, 0);
    put_integers(out, tensor->shape, tensor->n_dims);
    put_integers(out, strides, tensor->n_dims);
    fputc(0x89, out); /* NEWFALSE */
    put_ordered_dict(out);
    fputs("tR", out);
}

static void put_checkpoint(FILE *out, const TensorOut *tensors, int n_tensors, int64_t epoch) {
    const char *none[] = {"optimizer", "scheduler", "val_result"};
    fputs("\x80\x02}(", out); /* PROTO 2, EMPTY_DICT, MARK */
    put_text(out, "state_dict");
    put_ordered_dict(out);
    fputc('(', out);
    for (int i = 0; i < n_tensors; i++) {
        put_text(out, tensors[i].name);
        put_tensor(out, &tensors[i], i);
    }
    fputc('u', out); /* SETITEMS */
    put_text(out, "epoch");
    put_integer(out, epoch);
    for (int i = 0; i < 3; i++) {
        put_text(out, none[i]);
        fputc('N', out);
    }
    fputs("u.", out); /* SETITEMS, STOP */
}

/* The pickle's bytes, malloc'd; caller frees. NULL when there is no memory. */
static char *checkpoint_pickle(const TensorOut *tensors, int n_tensors, int64_t epoch, size_t *size) {
    char *bytes = NULL;
    FILE *out = open_memstream(&bytes, size);
    if (!out)
        return NULL;
    put_checkpoint(out, tensors, n_tensors, epoch);
    int failed = ferror(out);
    failed = fclose(out) != 0 || failed;
    if (failed) {
        free(bytes);
        bytes = NULL;
    }
    return bytes;
}

/* --- the archive --- */

static void add(ZipWriter *zip, const char *name, const void *data, size_t size) {
    const ZipPart part = {data, size};
    zip_add(zip, name, &part, 1);
}

int torch_checkpoint_write(const char *path, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           Error *err) {
    int result = -1;
    size_t n_bytes = 0;
    ZipWriter *zip = NULL;
    if (tensors_check_out(path, tensors, n_tensors, err) < 0)
        return -1;
    char *bytes = checkpoint_pickle(tensors, n_tensors, epoch, &n_bytes);
    if (!bytes)
        return error_memory(err);
    zip = zip_create(path, err);
    if (!zip)
        goto out;
    add(zip, "archive/data.pkl", bytes, n_bytes);
    add(zip, "archive/byteorder", "little", 6);
    for (int i = 0; i < n_tensors; i++) {
        char name[40];
        size_t count, size;
        shape_size(tensors[i].dtype, tensors[i].n_dims, tensors[i].shape, &count, &size);
        snprintf(name, sizeof name, "archive/data/%d", i);
        add(zip, name, tensors[i].data, size);
    }
    add(zip, "archive/version", "3\n", 2);
    result = zip_commit(zip, err);
out:
    free(bytes);
    return result;
}
