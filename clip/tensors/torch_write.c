/* torch_write.c: writes a checkpoint that torch.load reads. The layout is described in torch_file.h.
 *
 * The pickle is of protocol 2 and has no memo: each tensor repeats all that it needs, in some 200 bytes.
 * Every tensor has a storage of its own, in the order given.
 */
#include "clip/tensors/torch_write.h"

#include "clip/base/buffer.h"
#include "clip/tensors/tensor.h"
#include "clip/tensors/zip_write.h"

#include <stdio.h>
#include <string.h>

static const char *const storage_types[] = {
    [DTYPE_F64] = "DoubleStorage",    [DTYPE_F32] = "FloatStorage", [DTYPE_F16] = "HalfStorage",
    [DTYPE_BF16] = "BFloat16Storage", [DTYPE_I64] = "LongStorage",  [DTYPE_I32] = "IntStorage",
    [DTYPE_I16] = "ShortStorage",     [DTYPE_I8] = "CharStorage",   [DTYPE_U8] = "ByteStorage",
    [DTYPE_BOOL] = "BoolStorage"};

/* --- the pickle --- */

static void put_number(Buffer *out, int n, uint64_t value) {
    for (int i = 0; i < n; i++)
        buffer_putc(out, (char)(value >> 8 * i & 0xff));
}

static void put_text(Buffer *out, const char *text) {
    size_t n = strlen(text);
    buffer_putc(out, 'X'); /* BINUNICODE */
    put_number(out, 4, n);
    buffer_append(out, text, n);
}

static void put_integer(Buffer *out, int64_t value) {
    if (value >= 0 && value <= UINT16_MAX) {
        buffer_putc(out, value <= UINT8_MAX ? 'K' : 'M'); /* BININT1, BININT2 */
        put_number(out, value <= UINT8_MAX ? 1 : 2, (uint64_t)value);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        buffer_putc(out, 'J'); /* BININT */
        put_number(out, 4, (uint64_t)value);
    } else {
        buffer_puts(out, "\x8a\x08"); /* LONG1 of 8 bytes */
        put_number(out, 8, (uint64_t)value);
    }
}

static void put_integers(Buffer *out, const int64_t *values, int n) {
    buffer_putc(out, '('); /* MARK */
    for (int i = 0; i < n; i++)
        put_integer(out, values[i]);
    buffer_putc(out, 't'); /* TUPLE */
}

/* OrderedDict(): GLOBAL, EMPTY_TUPLE, REDUCE */
static void put_ordered_dict(Buffer *out) {
    buffer_puts(out, "ccollections\nOrderedDict\n)R");
}

/* _rebuild_tensor_v2(('storage', type, key, 'cpu', count), 0, shape, strides, False, OrderedDict()) */
static void put_tensor(Buffer *out, const TensorOut *tensor, int key) {
    int64_t strides[TENSOR_MAX_DIMS], stride = 1;
    size_t count, size;
    char text[16];
    shape_size(tensor->dtype, tensor->n_dims, tensor->shape, &count, &size);
    for (int i = tensor->n_dims; i-- > 0;) {
        strides[i] = stride;
        if (count > 0) /* strides of an empty tensor mean nothing, but might overflow */
            stride *= tensor->shape[i];
    }
    buffer_puts(out, "ctorch._utils\n_rebuild_tensor_v2\n((");
    put_text(out, "storage");
    buffer_printf(out, "ctorch\n%s\n", storage_types[tensor->dtype]);
    snprintf(text, sizeof text, "%d", key);
    put_text(out, text);
    put_text(out, "cpu");
    put_integer(out, (int64_t)count);
    buffer_puts(out, "tQ"); /* TUPLE, BINPERSID */
    put_integer(out, 0);
    put_integers(out, tensor->shape, tensor->n_dims);
    put_integers(out, strides, tensor->n_dims);
    buffer_putc(out, '\x89'); /* NEWFALSE */
    put_ordered_dict(out);
    buffer_puts(out, "tR");
}

static void put_state_dict(Buffer *out, const TensorOut *tensors, int n_tensors) {
    put_ordered_dict(out);
    buffer_putc(out, '(');
    for (int i = 0; i < n_tensors; i++) {
        put_text(out, tensors[i].name);
        put_tensor(out, &tensors[i], i);
    }
    buffer_putc(out, 'u'); /* SETITEMS */
}

static void put_checkpoint(Buffer *out, const TensorOut *tensors, int n_tensors, int64_t epoch) {
    const char *none[] = {"optimizer", "scheduler", "val_result"};
    buffer_puts(out, "}("); /* EMPTY_DICT, MARK */
    put_text(out, "state_dict");
    put_state_dict(out, tensors, n_tensors);
    put_text(out, "epoch");
    put_integer(out, epoch);
    for (int i = 0; i < 3; i++) {
        put_text(out, none[i]);
        buffer_putc(out, 'N');
    }
    buffer_putc(out, 'u'); /* SETITEMS */
}

/* --- the archive --- */

static void add(ZipWriter *zip, const char *name, const void *data, size_t size) {
    const ZipPart part = {data, size};
    zip_add(zip, name, &part, 1);
}

/* epoch NULL: the state_dict alone. */
static int write_archive(const char *path, const TensorOut *tensors, int n_tensors, const int64_t *epoch,
                         Error *err) {
    int result = -1;
    Buffer pickle = {0};
    ZipWriter *zip = NULL;
    if (tensors_check_out(path, tensors, n_tensors, err) < 0)
        return -1;
    buffer_puts(&pickle, "\x80\x02"); /* PROTO 2 */
    if (epoch)
        put_checkpoint(&pickle, tensors, n_tensors, *epoch);
    else
        put_state_dict(&pickle, tensors, n_tensors);
    buffer_putc(&pickle, '.'); /* STOP */
    const char *bytes = buffer_text(&pickle);
    if (!bytes) {
        error_memory(err);
        goto out;
    }
    zip = zip_create(path, err);
    if (!zip)
        goto out;
    add(zip, "archive/data.pkl", bytes, pickle.size);
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
    buffer_free(&pickle);
    return result;
}

int torch_checkpoint_write(const char *path, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           Error *err) {
    return write_archive(path, tensors, n_tensors, &epoch, err);
}

int torch_state_dict_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err) {
    return write_archive(path, tensors, n_tensors, NULL, err);
}
