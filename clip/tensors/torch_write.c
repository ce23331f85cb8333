/* torch_write.c: writes a checkpoint that torch.load reads. The layout is described in torch_file.h.
 *
 * The pickle is of protocol 2 and has no memo: each tensor repeats all that it needs, in some 200 bytes.
 * Every tensor has a storage of its own, in the order given.
 */
#include "clip/tensors/torch_write.h"

#include "clip/tensors/pickle_write.h"
#include "clip/tensors/tensor.h"
#include "clip/tensors/zip_write.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const storage_types[] = {
    [DTYPE_F64] = "DoubleStorage",    [DTYPE_F32] = "FloatStorage", [DTYPE_F16] = "HalfStorage",
    [DTYPE_BF16] = "BFloat16Storage", [DTYPE_I64] = "LongStorage",  [DTYPE_I32] = "IntStorage",
    [DTYPE_I16] = "ShortStorage",     [DTYPE_I8] = "CharStorage",   [DTYPE_U8] = "ByteStorage",
    [DTYPE_BOOL] = "BoolStorage"};

/* --- the pickle --- */

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
    pickle_put_text(out, "storage");
    buffer_printf(out, "ctorch\n%s\n", storage_types[tensor->dtype]);
    snprintf(text, sizeof text, "%d", key);
    pickle_put_text(out, text);
    pickle_put_text(out, "cpu");
    pickle_put_integer(out, (int64_t)count);
    buffer_puts(out, "tQ"); /* TUPLE, BINPERSID */
    pickle_put_integer(out, 0);
    pickle_put_integers(out, tensor->shape, tensor->n_dims);
    pickle_put_integers(out, strides, tensor->n_dims);
    pickle_put_bool(out, false);
    put_ordered_dict(out);
    buffer_puts(out, "tR");
}

static void put_state_dict(Buffer *out, const TensorOut *tensors, int n_tensors) {
    put_ordered_dict(out);
    buffer_putc(out, '(');
    for (int i = 0; i < n_tensors; i++) {
        pickle_put_text(out, tensors[i].name);
        put_tensor(out, &tensors[i], i);
    }
    buffer_putc(out, 'u'); /* SETITEMS */
}

/* --- the state of a training --- */

static void put_setting(Buffer *out, const TorchSetting *setting) {
    pickle_put_text(out, setting->name);
    switch (setting->type) {
    case TORCH_NONE:
        pickle_put_none(out);
        break;
    case TORCH_BOOL:
        pickle_put_bool(out, setting->values[0] != 0);
        break;
    case TORCH_INT:
        pickle_put_integer(out, (int64_t)setting->values[0]);
        break;
    case TORCH_REAL:
        pickle_put_real(out, setting->values[0]);
        break;
    case TORCH_LIST: /* of one */
        buffer_putc(out, ']');
        pickle_put_real(out, setting->values[0]);
        buffer_putc(out, 'a'); /* APPEND */
        break;
    case TORCH_PAIR:
        pickle_put_real(out, setting->values[0]);
        pickle_put_real(out, setting->values[1]);
        buffer_putc(out, '\x86'); /* TUPLE2 */
        break;
    }
}

static void put_settings(Buffer *out, const TorchSetting *settings, int n) {
    for (int i = 0; i < n; i++)
        put_setting(out, &settings[i]);
}

/* {'state': {0: {'step': 12, 'exp_avg': tensor, ...}, ...}, 'param_groups': [{..., 'params': [0, ...]}]}; the
 * tensors' storages follow those of the model. */
static void put_optimizer(Buffer *out, const TorchTraining *training, int first_key) {
    pickle_dict_begin(out);
    pickle_put_text(out, "state");
    pickle_dict_begin(out);
    for (int p = 0; p < training->n_parameters; p++) {
        pickle_put_integer(out, p);
        pickle_dict_begin(out);
        if (training->step >= 0) {
            pickle_put_text(out, "step");
            pickle_put_integer(out, training->step);
        }
        for (int i = p * training->n_buffers; i < (p + 1) * training->n_buffers; i++) {
            pickle_put_text(out, training->buffers[i].name);
            put_tensor(out, &training->buffers[i], first_key + i);
        }
        pickle_dict_end(out);
    }
    pickle_dict_end(out);
    pickle_put_text(out, "param_groups");
    buffer_putc(out, ']');
    pickle_dict_begin(out);
    put_settings(out, training->group, training->n_group);
    pickle_put_text(out, "params");
    buffer_puts(out, "]("); /* EMPTY_LIST, MARK */
    for (int p = 0; p < training->n_parameters; p++)
        pickle_put_integer(out, p);
    buffer_putc(out, 'e'); /* APPENDS */
    pickle_dict_end(out);
    buffer_putc(out, 'a'); /* APPEND */
    pickle_dict_end(out);
}

static void put_schedule(Buffer *out, const TorchTraining *training) {
    pickle_dict_begin(out);
    put_settings(out, training->schedule, training->n_schedule);
    pickle_dict_end(out);
}

static void put_checkpoint(Buffer *out, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           const TorchTraining *training) {
    pickle_dict_begin(out);
    pickle_put_text(out, "state_dict");
    put_state_dict(out, tensors, n_tensors);
    pickle_put_text(out, "epoch");
    pickle_put_integer(out, epoch);
    pickle_put_text(out, "optimizer");
    training ? put_optimizer(out, training, n_tensors) : pickle_put_none(out);
    pickle_put_text(out, "scheduler");
    training ? put_schedule(out, training) : pickle_put_none(out);
    pickle_put_text(out, "val_result");
    training && !isnan(training->val_result) ? pickle_put_real(out, training->val_result)
                                             : pickle_put_none(out);
    pickle_dict_end(out);
}

/* --- the archive --- */

static void add(ZipWriter *zip, const char *name, const void *data, size_t size) {
    const ZipPart part = {data, size};
    zip_add(zip, name, &part, 1);
}

static void add_tensors(ZipWriter *zip, const TensorOut *tensors, int n, int first_key) {
    for (int i = 0; i < n; i++) {
        char name[40];
        size_t count, size;
        shape_size(tensors[i].dtype, tensors[i].n_dims, tensors[i].shape, &count, &size);
        snprintf(name, sizeof name, "archive/data/%d", first_key + i);
        add(zip, name, tensors[i].data, size);
    }
}

/* The archive around a pickle that has ended, with storages for tensors (n) and what a training has of them.
 */
static int write_archive(const char *path, Buffer *pickle, const TensorOut *tensors, int n,
                         const TorchTraining *training, Error *err) {
    const char *bytes = buffer_text(pickle);
    if (!bytes)
        return error_memory(err);
    ZipWriter *zip = zip_create(path, err);
    if (!zip)
        return -1;
    add(zip, "archive/data.pkl", bytes, pickle->size);
    add(zip, "archive/byteorder", "little", 6);
    add_tensors(zip, tensors, n, 0);
    if (training)
        add_tensors(zip, training->buffers, training->n_parameters * training->n_buffers, n);
    add(zip, "archive/version", "3\n", 2);
    return zip_commit(zip, err);
}

int torch_checkpoint_write(const char *path, const TensorOut *tensors, int n_tensors, int64_t epoch,
                           const TorchTraining *training, Error *err) {
    Buffer pickle = {0};
    if (tensors_check_out(path, tensors, n_tensors, err) < 0)
        return -1;
    buffer_puts(&pickle, PICKLE_BEGIN);
    put_checkpoint(&pickle, tensors, n_tensors, epoch, training);
    buffer_puts(&pickle, PICKLE_END);
    const int status = write_archive(path, &pickle, tensors, n_tensors, training, err);
    buffer_free(&pickle);
    return status;
}

int torch_state_dict_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err) {
    Buffer pickle = {0};
    if (tensors_check_out(path, tensors, n_tensors, err) < 0)
        return -1;
    buffer_puts(&pickle, PICKLE_BEGIN);
    put_state_dict(&pickle, tensors, n_tensors);
    buffer_puts(&pickle, PICKLE_END);
    const int status = write_archive(path, &pickle, tensors, n_tensors, NULL, err);
    buffer_free(&pickle);
    return status;
}

/* _reconstruct(ndarray, (0,), b'b'), which BUILD gives (1, shape, dtype('f8'), False, the bytes). Bytes need
 * protocol 3. NumPy 2 still reads its former module's name, which is all that NumPy 1 knows. */
int torch_array_write(const char *path, const double *values, int n_rows, int n_columns, Error *err) {
    Buffer pickle = {0};
    const size_t size = (size_t)n_rows * (size_t)n_columns * sizeof *values;
    buffer_puts(&pickle, "\x80\x03"
                         "cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(");
    pickle_put_integer(&pickle, 0);
    buffer_puts(&pickle, "tC\x01"
                         "btR("); /* SHORT_BINBYTES of one byte */
    pickle_put_integer(&pickle, 1);
    pickle_put_integers(&pickle, (const int64_t[]){n_rows, n_columns}, 2);
    buffer_puts(&pickle, "cnumpy\ndtype\n(");
    pickle_put_text(&pickle, "f8");
    buffer_puts(&pickle, "\x89\x88tR("); /* not aligned by hand, copied */
    pickle_put_integer(&pickle, 3);
    pickle_put_text(&pickle, "<");
    buffer_puts(&pickle, "NNN");
    pickle_put_integer(&pickle, -1);
    pickle_put_integer(&pickle, -1);
    pickle_put_integer(&pickle, 0);
    buffer_puts(&pickle, "tb\x89"
                         "B"); /* BUILD; C order; BINBYTES */
    pickle_put_size(&pickle, 4, size);
    buffer_append(&pickle, values, size);
    buffer_puts(&pickle, "tb" PICKLE_END);
    const int status = size > UINT32_MAX ? error_set(err, "%s: over 4 GiB", path)
                                         : write_archive(path, &pickle, NULL, 0, NULL, err);
    buffer_free(&pickle);
    return status;
}
