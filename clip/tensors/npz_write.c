/* npz_write.c: writes tensors as numpy stores them.
 *
 * Layout (numpy, numpy/lib/format.py): a zip archive with a member NAME.npy per array:
 *     \x93NUMPY, version 1 0, u16 length of the text that follows, that text, the data
 * The text is {'descr': '<f4', 'fortran_order': False, 'shape': (4, 128), }, filled up with spaces and ended
 * by a newline so that the data begins at a multiple of 64 bytes.
 */
#include "clip/tensors/npz_write.h"

#include "clip/tensors/tensor.h"
#include "clip/tensors/zip_write.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const char *const descriptions[] = {
    [DTYPE_F64] = "<f8", [DTYPE_F32] = "<f4", [DTYPE_F16] = "<f2", [DTYPE_BF16] = NULL, [DTYPE_I64] = "<i8",
    [DTYPE_I32] = "<i4", [DTYPE_I16] = "<i2", [DTYPE_I8] = "|i1",  [DTYPE_U8] = "|u1",  [DTYPE_BOOL] = "|b1"};

/* Everything before the data, into out (512); returns its size. */
static size_t npy_header(char *out, const TensorOut *tensor) {
    const size_t room = 512, n_fixed = 10;
    memcpy(out, "\x93NUMPY\1\0", 8);
    size_t n = n_fixed + (size_t)snprintf(out + n_fixed, room - n_fixed,
                                          "{'descr': '%s', 'fortran_order': False, 'shape': (",
                                          descriptions[tensor->dtype]);
    for (int i = 0; i < tensor->n_dims; i++) { /* 8 dimensions of at most 19 digits: it fits */
        const char *comma = i + 1 < tensor->n_dims ? ", " : tensor->n_dims == 1 ? "," : "";
        n += (size_t)snprintf(out + n, room - n, "%" PRId64 "%s", tensor->shape[i], comma);
    }
    n += (size_t)snprintf(out + n, room - n, "), }");
    size_t whole = (n + 1 + 63) / 64 * 64;
    memset(out + n, ' ', whole - n - 1);
    out[whole - 1] = '\n';
    out[8] = (char)((whole - n_fixed) & 0xff);
    out[9] = (char)((whole - n_fixed) >> 8);
    return whole;
}

int npz_write(const char *path, const TensorOut *tensors, int n_tensors, Error *err) {
    if (tensors_check_out(path, tensors, n_tensors, err) < 0)
        return -1;
    for (int i = 0; i < n_tensors; i++) {
        if (!descriptions[tensors[i].dtype]) {
            return error_set(err, "%s: tensor %s: numpy has no type for %s", path, tensors[i].name,
                             dtype_name(tensors[i].dtype));
        }
        if (strlen(tensors[i].name) > 500)
            return error_set(err, "%s: tensor %.100s: a name of over 500 bytes", path, tensors[i].name);
    }
    ZipWriter *zip = zip_create(path, err);
    if (!zip)
        return -1;
    for (int i = 0; i < n_tensors; i++) {
        char name[512], header[512];
        size_t count, size, n_header = npy_header(header, &tensors[i]);
        shape_size(tensors[i].dtype, tensors[i].n_dims, tensors[i].shape, &count, &size);
        snprintf(name, sizeof name, "%s.npy", tensors[i].name);
        zip_add(zip, name, (ZipPart[]){{header, n_header}, {tensors[i].data, size}}, 2);
    }
    return zip_commit(zip, err);
}
