/* torch_tensor.c: one tensor of a PyTorch archive.
 *
 * A tensor is a call of torch._utils._rebuild_tensor_v2(storage, offset, sizes, strides, requires_grad,
 * hooks), its storage the persistent id ('storage', torch.FloatStorage, KEY, location, number of items).
 * Element (i, j, ...) is item offset + i * strides[0] + j * strides[1] + ... of the storage. (PyTorch,
 * torch/_utils.py)
 */
#include "clip/tensors/torch_tensor.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* What strided tensors may take together, in addition to the size of the file: an expanded one is larger
 * than its storage. */
#define MAX_EXPANDED ((size_t)32 << 20)

#define MAX_WRAPPERS 8 /* parameters around parameters */

static const struct {
    const char *name;
    DType dtype;
} storage_types[] = {{"HalfStorage", DTYPE_F16},  {"BFloat16Storage", DTYPE_BF16},
                     {"FloatStorage", DTYPE_F32}, {"DoubleStorage", DTYPE_F64},
                     {"LongStorage", DTYPE_I64},  {"IntStorage", DTYPE_I32},
                     {"ShortStorage", DTYPE_I16}, {"CharStorage", DTYPE_I8},
                     {"ByteStorage", DTYPE_U8},   {"BoolStorage", DTYPE_BOOL}};

int torch_storages_init(TorchStorages *storages, const char *prefix, Arena *arena, Error *err) {
    storages->folder = arena_printf(arena, "%sdata/", prefix);
    storages->dtypes = ARENA_NEW(arena, signed char, storages->zip.n_members);
    if (arena_failed(arena))
        return error_memory(err);
    memset(storages->dtypes, -1, storages->zip.n_members);
    return 0;
}

/* --- what built it --- */

/* Whether the value is a call of module.name with at least n arguments, which *arguments then is. */
static bool is_call(const PickleValue *value, const char *module, const char *name, uint32_t n,
                    const PickleItems **arguments) {
    if (value->type != PICKLE_OBJECT || !pickle_is_global(&value->object->callable, module, name) ||
        value->object->arguments.items->n < n)
        return false;
    *arguments = value->object->arguments.items;
    return true;
}

bool torch_is_tensor(const PickleValue *value) {
    const char *start = "_rebuild_";
    if (value->type != PICKLE_OBJECT || value->object->callable.type != PICKLE_GLOBAL)
        return false;
    const PickleValue *names = value->object->callable.items->at;
    return (pickle_is_text(&names[0], "torch._utils") || pickle_is_text(&names[0], "torch._tensor")) &&
           names[1].size >= strlen(start) && memcmp(names[1].text, start, strlen(start)) == 0;
}

int torch_tensor_arguments(const TorchStorages *storages, const char *name, const PickleValue *value,
                           const PickleItems **arguments, Error *err) {
    for (int i = 0; i < MAX_WRAPPERS; i++) {
        const PickleItems *outer;
        if (is_call(value, "torch._utils", "_rebuild_tensor_v2", 6, arguments))
            return 0;
        if (is_call(value, "torch._tensor", "_rebuild_from_type_v2", 4, &outer) &&
            pickle_is_global(&outer->at[0], "torch._utils", "_rebuild_tensor_v2") &&
            outer->at[2].type == PICKLE_TUPLE && outer->at[2].items->n >= 6) {
            *arguments = outer->at[2].items;
            return 0;
        }
        if (!is_call(value, "torch._utils", "_rebuild_parameter", 1, &outer) &&
            !is_call(value, "torch._utils", "_rebuild_parameter_with_state", 1, &outer))
            break;
        value = &outer->at[0];
    }
    if (!torch_is_tensor(value))
        return error_set(err, "%s: tensor %s: a parameter without a tensor", storages->zip.path, name);
    const PickleValue *callable = &value->object->callable.items->at[1];
    return error_set(err, "%s: tensor %s: built by %.*s, which is not read here", storages->zip.path, name,
                     pickle_shown(callable), callable->text);
}

/* --- checking --- */

/* The reason why a tensor is refused, with its name; returns -1. */
static int fail(const TorchStorages *storages, const TorchTensor *tensor, Error *err, const char *reason) {
    return error_set(err, "%s: tensor %s: %s", storages->zip.path, tensor->tensor.name, reason);
}

static int find_dtype(const PickleValue *global, DType *dtype) {
    for (size_t i = 0; i < sizeof storage_types / sizeof storage_types[0]; i++) {
        if (pickle_is_global(global, "torch", storage_types[i].name)) {
            *dtype = storage_types[i].dtype;
            return 0;
        }
    }
    return -1;
}

/* The member that holds a storage; NULL when there is none. */
static ZipMember *find_storage(const TorchStorages *storages, const PickleValue *key) {
    char name[600]; /* zip.c has none of over 512 bytes */
    size_t n = strlen(storages->folder);
    if (n + key->size >= sizeof name || memchr(key->text, '\0', key->size))
        return NULL;
    memcpy(name, storages->folder, n);
    memcpy(name + n, key->text, key->size);
    name[n + key->size] = '\0';
    return zip_find(&storages->zip, name);
}

/* Finds the storage that a persistent id names: sets dtype and data of the tensor, and *n_items. */
static int check_storage(TorchStorages *storages, TorchTensor *tensor, const PickleValue *value,
                         int64_t *n_items, Error *err) {
    const PickleValue *id = value->type == PICKLE_PERSISTENT ? value->items->at : NULL;
    if (!id || id->type != PICKLE_TUPLE || id->items->n != 5 ||
        !pickle_is_text(&id->items->at[0], "storage") || id->items->at[1].type != PICKLE_GLOBAL ||
        id->items->at[2].type != PICKLE_TEXT || id->items->at[4].type != PICKLE_INT)
        return fail(storages, tensor, err, "its storage is not ('storage', type, key, location, number)");
    const PickleValue *type = &id->items->at[1], *key = &id->items->at[2];
    DType dtype;
    if (find_dtype(type, &dtype) < 0) {
        const PickleValue *name = &type->items->at[1];
        return error_set(err, "%s: tensor %s: its storage type %.*s is not read here", storages->zip.path,
                         tensor->tensor.name, pickle_shown(name), name->text);
    }
    *n_items = id->items->at[4].integer;
    ZipMember *member = find_storage(storages, key);
    if (!member) {
        return error_set(err, "%s: tensor %s: its storage \"%.*s\" is missing", storages->zip.path,
                         tensor->tensor.name, pickle_shown(key), key->text);
    }
    size_t count, size;
    if (shape_size(dtype, 1, n_items, &count, &size) < 0 || size != member->size) {
        return error_set(err, "%s: tensor %s: %" PRId64 " items of %s in a storage of %zu bytes",
                         storages->zip.path, tensor->tensor.name, *n_items, dtype_name(dtype), member->size);
    }
    signed char *used = &storages->dtypes[member - storages->zip.members];
    if (*used >= 0 && *used != (signed char)dtype) {
        return error_set(err, "%s: tensor %s: its storage \"%.*s\" is of %s here and of %s elsewhere",
                         storages->zip.path, tensor->tensor.name, pickle_shown(key), key->text,
                         dtype_name(dtype), dtype_name((DType)*used));
    }
    *used = (signed char)dtype;
    tensor->tensor.dtype = dtype;
    tensor->tensor.data = zip_bytes(&storages->zip, member, err);
    return tensor->tensor.data ? 0 : -1;
}

/* A tuple of n whole numbers, 0 or more. */
static int read_numbers(const PickleValue *value, int64_t *out) {
    for (uint32_t i = 0; i < value->items->n; i++) {
        if (value->items->at[i].type != PICKLE_INT || value->items->at[i].integer < 0)
            return -1;
        out[i] = value->items->at[i].integer;
    }
    return 0;
}

/* Whether the elements are contiguous, the last dimension varying fastest. */
static bool is_contiguous(const TorchTensor *tensor) {
    int64_t stride = 1;
    if (tensor->tensor.count == 0)
        return true;
    for (int i = tensor->tensor.n_dims; i-- > 0;) {
        if (tensor->tensor.shape[i] != 1 && tensor->strides[i] != stride)
            return false;
        stride *= tensor->tensor.shape[i]; /* at most count */
    }
    return true;
}

/* The item of the storage that holds the last element; -1 when it does not fit. */
static int last_item(const TorchTensor *tensor, int64_t offset, int64_t *out) {
    *out = offset;
    for (int i = 0; i < tensor->tensor.n_dims; i++) {
        int64_t way;
        if (__builtin_mul_overflow(tensor->tensor.shape[i] - 1, tensor->strides[i], &way) ||
            __builtin_add_overflow(*out, way, out))
            return -1;
    }
    return 0;
}

/* _rebuild_tensor_v2's seventh argument, if it says anything, says that signs must be flipped. */
static bool is_plain(const PickleItems *arguments) {
    const PickleValue *metadata = arguments->n > 6 ? &arguments->at[6] : NULL;
    return !metadata || metadata->type == PICKLE_NONE ||
           (metadata->type == PICKLE_DICT && metadata->items->n == 0);
}

int torch_tensor_check(TorchStorages *storages, TorchTensor *tensor, const PickleItems *arguments,
                       Error *err) {
    const PickleValue *offset = &arguments->at[1], *sizes = &arguments->at[2], *strides = &arguments->at[3];
    Tensor *plain = &tensor->tensor;
    if (offset->type != PICKLE_INT || sizes->type != PICKLE_TUPLE || strides->type != PICKLE_TUPLE ||
        sizes->items->n != strides->items->n || !is_plain(arguments))
        return fail(storages, tensor, err, "not storage, offset, sizes and strides");
    if (sizes->items->n > TENSOR_MAX_DIMS)
        return fail(storages, tensor, err, "over 8 dimensions");
    plain->n_dims = (int)sizes->items->n;
    if (offset->integer < 0 || read_numbers(sizes, plain->shape) < 0 ||
        read_numbers(strides, tensor->strides) < 0)
        return fail(storages, tensor, err, "an offset, size or stride is not a whole number, 0 or more");
    int64_t n_items, last;
    if (check_storage(storages, tensor, &arguments->at[0], &n_items, err) < 0)
        return -1;
    if (shape_size(plain->dtype, plain->n_dims, plain->shape, &plain->count, &plain->size) < 0) {
        char shape[200];
        return error_set(err, "%s: tensor %s: shape %s is too large", storages->zip.path, plain->name,
                         tensor_shape_text(plain, shape, sizeof shape));
    }
    tensor->is_contiguous = is_contiguous(tensor);
    if (plain->count == 0)
        return 0;
    if (last_item(tensor, offset->integer, &last) != 0 || last >= n_items) {
        return error_set(err, "%s: tensor %s: reaches beyond the %" PRId64 " items of its storage",
                         storages->zip.path, plain->name, n_items);
    }
    plain->data += (size_t)offset->integer * dtype_size(plain->dtype);
    return 0;
}

/* --- gathering --- */

static void copy_row(unsigned char *restrict out, const unsigned char *restrict in, size_t n, size_t step,
                     size_t item) {
    switch (item) { /* so that each copy is one load and one store */
    case 1:
        for (size_t i = 0; i < n; i++)
            out[i] = in[i * step];
        break;
    case 2:
        for (size_t i = 0; i < n; i++)
            memcpy(out + 2 * i, in + i * step, 2);
        break;
    case 4:
        for (size_t i = 0; i < n; i++)
            memcpy(out + 4 * i, in + i * step, 4);
        break;
    default:
        for (size_t i = 0; i < n; i++)
            memcpy(out + 8 * i, in + i * step, 8);
        break;
    }
}

/* Writes the elements contiguously. The index counts through all dimensions but the last. A dimension of
 * size 1 may have any stride: offsets wrap around and come back. */
static void gather(const TorchTensor *tensor, unsigned char *out) {
    const Tensor *plain = &tensor->tensor;
    size_t item = dtype_size(plain->dtype);
    int inner = plain->n_dims - 1;
    size_t n = (size_t)plain->shape[inner], step = (size_t)tensor->strides[inner] * item;
    int64_t index[TENSOR_MAX_DIMS] = {0};
    size_t offset = 0;
    for (size_t done = 0; done < plain->count; done += n) {
        copy_row(out + done * item, plain->data + offset, n, step, item);
        for (int i = inner - 1; i >= 0; i--) {
            size_t stride = (size_t)tensor->strides[i] * item;
            offset += stride;
            if (++index[i] < plain->shape[i])
                break;
            offset -= (size_t)plain->shape[i] * stride;
            index[i] = 0;
        }
    }
}

static int compare_places(const void *a, const void *b) {
    const Tensor *x = &((const TorchTensor *)a)->tensor, *y = &((const TorchTensor *)b)->tensor;
    if (x->data != y->data)
        return x->data < y->data ? -1 : 1;
    return strcmp(x->name, y->name);
}

int torch_tensors_gather(TorchTensor *tensors, size_t n, TensorFile *file, Error *err) {
    size_t limit = file->map.size + MAX_EXPANDED, total = 0;
    for (size_t i = 0; i < n; i++) {
        size_t size = tensors[i].is_contiguous ? 0 : tensors[i].tensor.size;
        if (size > limit - total) {
            return error_set(err, "%s: tensor %s: strided tensors of over %zu bytes", file->path,
                             tensors[i].tensor.name, limit);
        }
        total += size;
    }
    qsort(tensors, n, sizeof *tensors, compare_places);
    unsigned char *at = ARENA_NEW(file->arena, unsigned char, total);
    if (!at)
        return error_memory(err);
    for (size_t i = 0; i < n; i++) {
        file->tensors[i] = tensors[i].tensor;
        if (!tensors[i].is_contiguous) {
            gather(&tensors[i], at);
            file->tensors[i].data = at;
            at += tensors[i].tensor.size;
        }
    }
    return 0;
}
