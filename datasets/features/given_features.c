/* given_features.c: see given_features.h. The files stay mapped; rows are converted as they are asked for. */
#include "datasets/features/given_features.h"

#include "clip/base/files.h"
#include "clip/base/text_map.h"
#include "clip/tensors/tensors_open.h"
#include "datasets/lists/lists.h"

#include <stdlib.h>
#include <string.h>

struct GivenFeatures {
    Arena *arena;
    const char *folder;
    TensorFile *files[N_PARTS];
    const Tensor *rows[N_PARTS];
    int width;
    TextMap places; /* path to part * MAX_ROWS + row */
    char digest[65];
};

enum { MAX_ROWS = 1 << 28 };

static int64_t label_at(const Tensor *labels, size_t row) {
    int64_t wide;
    int32_t narrow;
    if (labels->dtype == DTYPE_I64) {
        memcpy(&wide, labels->data + 8 * row, sizeof wide);
        return wide;
    }
    memcpy(&narrow, labels->data + 4 * row, sizeof narrow);
    return narrow;
}

/* The file has a row for each item, with its label. */
static int check_part(const TensorFile *file, const Tensor *rows, const ItemList *list, const char *source,
                      Error *err) {
    const char *path = tensors_path(file);
    const Tensor *labels = tensors_find(file, "label_list");
    if (!labels || labels->n_dims != 1 || (labels->dtype != DTYPE_I64 && labels->dtype != DTYPE_I32))
        return error_set(err, "%s: no label_list of whole numbers", path);
    if (rows->shape[0] != list->n || labels->shape[0] != list->n)
        return error_set(err, "%s: %lld rows and %lld labels where the list of %s has %d images", path,
                         (long long)rows->shape[0], (long long)labels->shape[0], source, list->n);
    for (int i = 0; i < list->n; i++)
        if (label_at(labels, (size_t)i) != list->items[i].label)
            return error_set(
                err, "%s: label_list: row %d: %lld where %s has %d of %s: lists in another order", path, i,
                (long long)label_at(labels, (size_t)i), source, list->items[i].label, list->items[i].path);
    return 0;
}

static int open_part(GivenFeatures *given, Part part, const ItemList *list, const char *source, Error *err) {
    const char *path = arena_printf(given->arena, "%s/%s.npz", given->folder, part_name(part));
    if (!path)
        return error_memory(err);
    if (!file_exists(path) || list->n == 0)
        return 0;
    TensorFile *file = given->files[part] = tensors_open(path, err);
    const int64_t shape[] = {-1, given->width > 0 ? given->width : -1};
    const Tensor *rows = file ? tensors_need(file, "feature_list", 2, shape, err) : NULL;
    if (!rows || check_part(file, rows, list, source, err) < 0)
        return -1;
    if (rows->shape[0] >= MAX_ROWS || rows->shape[1] < 1 || rows->shape[1] > 1 << 20)
        return error_set(err, "%s: tensor feature_list: too large", path);
    given->rows[part] = rows;
    given->width = (int)rows->shape[1];
    for (int i = 0; i < list->n; i++)
        if (text_map_put(&given->places, list->items[i].path, (int)part * MAX_ROWS + i) < 0)
            return error_memory(err);
    return 0;
}

static int open_parts(GivenFeatures *given, const char *folder, const Dataset *dataset, Error *err) {
    const Dataset *whole = dataset->whole ? dataset->whole : dataset;
    const ItemList *lists[N_PARTS] = {&whole->train, &whole->val, &whole->test};
    char *all = arena_strdup(given->arena, "");
    given->folder = arena_strdup(given->arena, folder);
    if (!given->folder)
        return error_memory(err);
    if (!folder_exists(folder))
        return error_set(err, "%s: no such folder", folder);
    for (Part part = 0; part < N_PARTS; part++) {
        if (open_part(given, part, lists[part], whole->source, err) < 0)
            return -1;
        if (given->files[part])
            all = arena_printf(given->arena, "%s%s %s\n", all, part_name(part),
                               tensors_digest(given->files[part]));
        if (arena_failed(given->arena))
            return error_memory(err);
    }
    if (given->width == 0)
        return error_set(err, "%s: neither train.npz, val.npz nor test.npz", folder);
    digest_bytes(given->digest, all, strlen(all));
    return 0;
}

GivenFeatures *given_features_open(const char *folder, const Dataset *dataset, Error *err) {
    GivenFeatures *given = calloc(1, sizeof *given);
    if (given)
        given->arena = given->places.arena = arena_create();
    if (!given || !given->arena)
        error_memory(err);
    else if (open_parts(given, folder, dataset, err) == 0)
        return given;
    given_features_close(given);
    return NULL;
}

void given_features_close(GivenFeatures *given) {
    if (!given)
        return;
    for (Part part = 0; part < N_PARTS; part++)
        tensors_close(given->files[part]);
    arena_free(given->arena);
    free(given);
}

int given_features_width(const GivenFeatures *given) {
    return given->width;
}

const char *given_features_digest(const GivenFeatures *given) {
    return given->digest;
}

int given_features_get(const GivenFeatures *given, float *features, const ItemList *items, Error *err) {
    const size_t E = (size_t)given->width;
    for (int i = 0; i < items->n; i++) {
        const int *place = text_map_find(&given->places, items->items[i].path);
        if (!place)
            return error_set(err, "%s: no features of %s", given->folder, items->items[i].path);
        const int part = *place / MAX_ROWS, row = *place % MAX_ROWS;
        if (!tensor_elements(given->rows[part], (size_t)row * E, E, features + (size_t)i * E))
            return error_set(err, "%s: feature_list: row %d: not a finite number",
                             tensors_path(given->files[part]), row);
    }
    return 0;
}
