/* tensors.c: see tensors.h */
#include "clip/tensors/tensors.h"

#include "clip/tensors/shards.h"
#include "clip/tensors/tensor_file.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void tensors_close(TensorFile *file) {
    if (file) {
        atomic_store(&file->stop, true);
        task_wait(file->digesting);
        for (int i = 0; i < file->n_shards; i++)
            tensors_close(file->shards[i]);
        if (!file->borrowed)
            file_unmap(&file->map);
        arena_free(file->arena);
        free(file);
    }
}

void tensors_rest(const TensorFile *file) {
    for (int i = 0; i < file->n_shards; i++)
        tensors_rest(file->shards[i]);
    if (!file->borrowed)
        file_map_rest(&file->map);
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

/* That of the shards' digests as text, one behind the other, by name of the shard. */
static void digest_shards(TensorFile *file) {
    char text[64 * SHARDS_MAX_FILES];
    for (int i = 0; i < file->n_shards; i++)
        memcpy(text + 64 * i, tensors_digest(file->shards[i]), 64);
    digest_bytes(file->digest, text, 64 * (size_t)file->n_shards);
}

const char *tensors_digest(TensorFile *file) {
    if (file->digesting) {
        task_wait(file->digesting);
        file->digesting = NULL;
    }
    if (file->digest[0] == '\0' && file->n_shards > 0)
        digest_shards(file);
    else if (file->digest[0] == '\0')
        tensor_file_digest(file);
    return file->digest;
}

bool tensors_checked(const TensorFile *file) {
    return file->checked;
}

int tensors_count(const TensorFile *file) {
    return file->n_tensors;
}

const Tensor *tensors_at(const TensorFile *file, int index) {
    return &file->tensors[index];
}

const Tensor *tensors_find(const TensorFile *file, const char *name) {
    return tensor_file_find(file, name);
}

const char *tensors_metadata(const TensorFile *file, const char *key) {
    return tensor_file_metadata(file, key);
}

int tensors_metadata_count(const TensorFile *file) {
    return file->n_metadata;
}

void tensors_metadata_at(const TensorFile *file, int index, const char **key, const char **value) {
    *key = file->metadata[index].key;
    *value = file->metadata[index].value;
}

static int need_floating(const TensorFile *file, const Tensor *tensor, Error *err) {
    if (!dtype_is_floating(tensor->dtype)) {
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

int tensor_to_float(const TensorFile *file, const Tensor *tensor, float *out, Error *err) {
    if (need_floating(file, tensor, err) < 0)
        return -1;
    return tensor_elements(tensor, 0, tensor->count, out) ? 0 : not_finite(file, tensor, out, err);
}
