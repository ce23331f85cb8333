/* safetensors_write.c: writes safetensors files. The layout is described in safetensors.c.
 *
 * The tensors are sorted by decreasing item size and the header is padded to a multiple of 8 bytes, so that a
 * reader that maps the file finds every tensor aligned to its items.
 */
#include "clip/tensors/safetensors_write.h"

#include "clip/base/checksum.h"
#include "clip/base/json.h"
#include "clip/tensors/safetensors.h"

#include <stdlib.h>
#include <string.h>

static json_t *entry_json(const TensorOut *tensor, size_t begin, size_t end) {
    json_t *shape = json_array();
    for (int i = 0; i < tensor->n_dims; i++) {
        if (json_array_append_new(shape, json_integer(tensor->shape[i])) != 0) {
            json_decref(shape);
            return NULL;
        }
    }
    return json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtype_name(tensor->dtype), "shape", shape,
                     "data_offsets", (json_int_t)begin, (json_int_t)end);
}

/* A string that JSON cannot hold is the caller's: a class name, say, from a folder with an old encoding. */
static json_t *metadata_json(const char *path, const MetadataOut *metadata, int n_metadata, Error *err) {
    json_t *object = json_object();
    for (int i = 0; i < n_metadata; i++) {
        if (json_object_set_new(object, metadata[i].key, json_string(metadata[i].value)) != 0) {
            json_refuse(err, "%s: metadata %s: not UTF-8", path, metadata[i].key);
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* The tensors by decreasing item size, otherwise in the given order: so each is aligned to its items. */
static void sort_by_item(const TensorOut **order, const TensorOut *tensors, int n_tensors) {
    int n = 0;
    for (size_t item = 8; item > 0; item /= 2) {
        for (int i = 0; i < n_tensors; i++)
            if (dtype_size(tensors[i].dtype) == item)
                order[n++] = &tensors[i];
    }
}

/* The header's text with its padding, malloc'd; caller frees. */
static char *header_text(const char *path, const TensorOut **order, int n_tensors,
                         const MetadataOut *metadata, int n_metadata, Error *err) {
    char *text = NULL;
    size_t begin = 0;
    json_begin();
    json_t *header = json_object();
    if (n_metadata > 0) {
        json_t *object = metadata_json(path, metadata, n_metadata, err);
        if (!object)
            goto out;
        if (json_object_set_new(header, "__metadata__", object) != 0) {
            error_memory(err);
            goto out;
        }
    }
    for (int i = 0; i < n_tensors; i++) {
        size_t count, size;
        if (shape_size(order[i]->dtype, order[i]->n_dims, order[i]->shape, &count, &size) < 0) {
            error_set(err, "%s: tensor %s: the shape is too large", path, order[i]->name);
            goto out;
        }
        if (strcmp(order[i]->name, "__metadata__") == 0) {
            error_set(err, "%s: tensor __metadata__: a reserved name", path);
            goto out;
        }
        if (json_object_get(header, order[i]->name)) {
            error_set(err, "%s: tensor %s: is there twice", path, order[i]->name);
            goto out;
        }
        json_t *entry = entry_json(order[i], begin, begin + size);
        if (!entry) {
            error_memory(err);
            goto out;
        }
        if (json_object_set_new(header, order[i]->name, entry) != 0) {
            json_refuse(err, "%s: tensor %s: the name is not UTF-8", path, order[i]->name);
            goto out;
        }
        begin += size;
    }
    char *json = json_write(header, JSON_COMPACT);
    size_t n_json = json ? strlen(json) : 0, padded = (n_json + 7) / 8 * 8;
    text = json ? calloc(padded + 1, 1) : NULL;
    if (text)
        memset((char *)memcpy(text, json, n_json) + n_json, ' ', padded - n_json);
    else
        error_memory(err);
    free(json);
out:
    json_decref(header);
    return text;
}

/* Puts the checksum into the header, of `padded` bytes, if its place is there. In a name or a value the
 * quotes would be escaped. */
static void fill_checksum(char *header, size_t padded, const TensorOut **order, int n_tensors) {
    char *place = strstr(header, "\"" SAFETENSORS_CHECKSUM "\":\"" SAFETENSORS_NO_CHECKSUM "\"");
    if (!place)
        return;
    const uint64_t length = padded;
    char digits[CHECKSUM_TEXT];
    uint32_t sum = checksum(checksum(0, &length, sizeof length), header, padded);
    for (int i = 0; i < n_tensors; i++) {
        size_t count, size;
        shape_size(order[i]->dtype, order[i]->n_dims, order[i]->shape, &count, &size);
        sum = checksum(sum, order[i]->data, size);
    }
    checksum_text(digits, sum);
    memcpy(place + strlen("\"" SAFETENSORS_CHECKSUM "\":\""), digits, sizeof digits - 1);
}

int safetensors_write(const char *path, const TensorOut *tensors, int n_tensors, const MetadataOut *metadata,
                      int n_metadata, Error *err) {
    int result = -1;
    FileWriter *writer = NULL;
    char *text = NULL;
    const TensorOut **order = calloc((size_t)n_tensors + 1, sizeof *order);
    if (!order)
        return error_memory(err);
    sort_by_item(order, tensors, n_tensors);
    text = header_text(path, order, n_tensors, metadata, n_metadata, err);
    if (!text)
        goto out;
    size_t padded = strlen(text);
    if (padded > SAFETENSORS_MAX_HEADER) {
        error_set(err, "%s: header: over %zu bytes", path, SAFETENSORS_MAX_HEADER);
        goto out;
    }
    fill_checksum(text, padded, order, n_tensors);
    writer = file_create(path, err);
    if (!writer)
        goto out;
    uint64_t length = padded;
    file_append(writer, &length, sizeof length);
    file_append(writer, text, padded);
    for (int i = 0; i < n_tensors; i++) {
        size_t count, size;
        shape_size(order[i]->dtype, order[i]->n_dims, order[i]->shape, &count, &size);
        file_append(writer, order[i]->data, size);
    }
    result = file_commit(writer, err);
out:
    free(text);
    free(order);
    return result;
}
