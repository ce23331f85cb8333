/* npz.c: see npz.h */
#include "clip/tensors/npz.h"

#include "clip/tensors/zip.h"

#include <stdlib.h>
#include <string.h>

#define MARK "\x93NUMPY"

static bool ends_in_npy(const char *name, size_t n) {
    return n > 4 && memcmp(name + n - 4, ".npy", 4) == 0;
}

/* The local header of the first member: its name's length at 26, the name at 30. */
bool npz_is_file(const FileMap *map) {
    const unsigned char *at = map->data;
    if (map->size < 30 || memcmp(at, "PK\3\4", 4) != 0)
        return false;
    const size_t n = (size_t)at[26] | (size_t)at[27] << 8;
    return map->size >= 30 + n && ends_in_npy((const char *)at + 30, n);
}

static const struct {
    const char *text;
    DType dtype;
} types[] = {{"<f8", DTYPE_F64}, {"<f4", DTYPE_F32}, {"<f2", DTYPE_F16},
             {"<i8", DTYPE_I64}, {"<i4", DTYPE_I32}, {"<i2", DTYPE_I16},
             {"|i1", DTYPE_I8},  {"|u1", DTYPE_U8},  {"|b1", DTYPE_BOOL}};
enum { N_TYPES = sizeof types / sizeof *types };

/* Behind "'KEY':" and blanks; NULL when it is not there. */
static const char *value_of(const char *header, const char *key) {
    const char *at = strstr(header, key);
    if (!at)
        return NULL;
    at += strlen(key);
    return at + strspn(at, " ");
}

static int read_type(Tensor *tensor, const char *path, const char *header, Error *err) {
    const char *at = value_of(header, "'descr':");
    for (int i = 0; at && i < N_TYPES; i++)
        if (strncmp(at + 1, types[i].text, 3) == 0 && (at[0] == '\'' || at[0] == '"') && at[4] == at[0]) {
            tensor->dtype = types[i].dtype;
            return 0;
        }
    return error_set(err, "%s: array %s: its type %.20s is not here", path, tensor->name, at ? at : "");
}

/* "(37, 64)" */
static int read_shape(Tensor *tensor, const char *path, const char *header, Error *err) {
    const char *at = value_of(header, "'shape':"), *order = value_of(header, "'fortran_order':");
    if (!order || strncmp(order, "False", 5) != 0)
        return error_set(err, "%s: array %s: not in C order", path, tensor->name);
    if (at && *at == '(')
        for (at++; *at >= '0' && *at <= '9' && tensor->n_dims < TENSOR_MAX_DIMS;) {
            char *end;
            tensor->shape[tensor->n_dims++] = strtoll(at, &end, 10);
            at = end + strspn(end, ", ");
        }
    if (!at || *at != ')' ||
        shape_size(tensor->dtype, tensor->n_dims, tensor->shape, &tensor->count, &tensor->size) < 0)
        return error_set(err, "%s: array %s: its shape cannot be read", path, tensor->name);
    return 0;
}

static int read_array(Tensor *tensor, const char *path, const unsigned char *bytes, size_t size, Arena *arena,
                      Error *err) {
    const size_t n_fixed = size >= 12 && bytes[6] > 1 ? 12 : 10;
    if (size < 12 || memcmp(bytes, MARK, 6) != 0 || bytes[6] < 1 || bytes[6] > 3)
        return error_set(err, "%s: array %s: not an array of NumPy", path, tensor->name);
    size_t n = (size_t)bytes[8] | (size_t)bytes[9] << 8;
    if (n_fixed == 12)
        n |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
    if (n > size - n_fixed)
        return error_set(err, "%s: array %s: cut inside its header", path, tensor->name);
    const char *header = arena_printf(arena, "%.*s", n < 4096 ? (int)n : 4096, (const char *)bytes + n_fixed);
    if (!header)
        return error_memory(err);
    if (read_type(tensor, path, header, err) < 0 || read_shape(tensor, path, header, err) < 0)
        return -1;
    tensor->data = bytes + n_fixed + n;
    return tensor->size <= size - n_fixed - n
               ? 0
               : error_set(err, "%s: array %s: cut: %zu bytes where %zu are needed", path, tensor->name,
                           size - n_fixed - n, tensor->size);
}

static int by_place(const void *a, const void *b) {
    const Tensor *x = a, *y = b;
    return (x->data > y->data) - (x->data < y->data);
}

static int read_members(TensorFile *file, ZipArchive *zip, Arena *scratch, Error *err) {
    file->format = "npz";
    file->tensors = ARENA_NEW(file->arena, Tensor, zip->n_members);
    if (!file->tensors)
        return error_memory(err);
    for (size_t i = 0; i < zip->n_members; i++) {
        ZipMember *member = &zip->members[i];
        Tensor *tensor = &file->tensors[file->n_tensors];
        if (!ends_in_npy(member->name, member->n_name))
            return error_set(err, "%s: %.*s: not an array", file->path, (int)member->n_name, member->name);
        tensor->name = arena_printf(file->arena, "%.*s", (int)member->n_name - 4, member->name);
        if (!tensor->name)
            return error_memory(err);
        const unsigned char *bytes = zip_bytes(zip, member, err);
        if (!bytes || read_array(tensor, file->path, bytes, member->size, scratch, err) < 0)
            return -1;
        file->n_tensors++;
    }
    qsort(file->tensors, (size_t)file->n_tensors, sizeof *file->tensors, by_place);
    return 0;
}

int npz_read(TensorFile *file, Error *err) {
    ZipArchive zip;
    Arena *scratch = arena_create();
    const int status = !scratch ? error_memory(err)
                       : zip_open(&zip, file->path, file->map.data, file->map.size, scratch, err) < 0
                           ? -1
                           : read_members(file, &zip, scratch, err);
    arena_free(scratch);
    return status;
}
