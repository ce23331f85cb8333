/* shards.c: a checkpoint in several files. */
#include "clip/tensors/shards.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Ours: a tree of JSON takes up to forty times the memory of its text. Real ones have some hundred bytes for
 * each tensor and some tens of shards. */
#define MAX_INDEX ((size_t)1 << 20)
#define MAX_NAME 512

bool shards_is_index(const TensorFile *file) {
    const char *suffix = ".index.json";
    size_t n_path = strlen(file->path), n_suffix = strlen(suffix);
    if (n_path >= n_suffix && strcmp(file->path + n_path - n_suffix, suffix) == 0)
        return true;
    /* A safetensors file may begin with '{' too, but there it is followed by zeros: its header has at most
     * 100,000,000 bytes. */
    size_t at = 0, first = file->map.size < 8 ? file->map.size : 8;
    while (at < file->map.size && memchr(" \t\r\n", file->map.data[at], 4))
        at++;
    return at < file->map.size && file->map.data[at] == '{' && !memchr(file->map.data, '\0', first);
}

/* Whether the name is that of a file below the folder of the list. */
static bool is_inside(const char *name) {
    if (name[0] == '\0' || name[0] == '/' || strlen(name) > MAX_NAME)
        return false;
    for (const char *at = name; at; at = strchr(at, '/')) {
        at += *at == '/';
        if (strncmp(at, "..", 2) == 0 && (at[2] == '/' || at[2] == '\0'))
            return false;
    }
    return true;
}

static int compare_names(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The weight map, checked: names of tensors to names of files. Borrowed from the tree; NULL on failure. */
static json_t *find_map(const TensorFile *file, json_t *tree, Error *err) {
    json_t *map = json_object_get(tree, "weight_map"), *value;
    const char *name;
    if (!json_is_object(map) || json_object_size(map) == 0) {
        error_set(err, "%s: weight_map: missing: JSON text, but not a list of shards", file->path);
        return NULL;
    }
    json_object_foreach(map, name, value) {
        if (strlen(name) > MAX_NAME) {
            error_set(err, "%s: weight_map: a name of over 512 bytes", file->path);
            return NULL;
        }
        if (!json_is_string(value) || !is_inside(json_string_value(value))) {
            error_set(err, "%s: tensor %s: its file is not named inside this folder", file->path, name);
            return NULL;
        }
    }
    return map;
}

/* The files' names, each once, sorted, in the arena; *n of them. NULL on failure. */
static const char **list_shards(TensorFile *file, json_t *map, int *n, Error *err) {
    const char **names = ARENA_NEW(file->arena, const char *, json_object_size(map));
    const char *key;
    json_t *value;
    size_t n_names = 0, n_unique = 0;
    if (!names) {
        error_memory(err);
        return NULL;
    }
    json_object_foreach(map, key, value) {
        names[n_names++] = json_string_value(value);
    }
    qsort(names, n_names, sizeof *names, compare_names);
    for (size_t i = 0; i < n_names; i++)
        if (i == 0 || strcmp(names[i], names[n_unique - 1]) != 0)
            names[n_unique++] = names[i];
    if (n_unique > TENSORS_MAX_SHARDS) {
        error_set(err, "%s: weight_map: over 1000 files", file->path);
        return NULL;
    }
    *n = (int)n_unique;
    return names;
}

static int open_shards(TensorFile *file, const char *const *names, int n, OpenShard open, Error *err) {
    const char *folder = path_folder(file->arena, file->path);
    const char *format = NULL;
    file->shards = ARENA_NEW(file->arena, TensorFile *, n);
    if (arena_failed(file->arena))
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        const char *path = path_join(file->arena, folder, names[i]);
        if (!path)
            return error_memory(err);
        TensorFile *shard = open(path, err);
        if (!shard)
            return error_prefix(err, "%s: shard %s", file->path, names[i]);
        file->shards[file->n_shards++] = shard;
        if (format && strcmp(format, shard->format) != 0) {
            return error_set(err, "%s: shard %s: is a %s, where others are %s", file->path, names[i],
                             shard->format, format);
        }
        format = shard->format;
    }
    file->format = arena_printf(file->arena, "sharded %s", format);
    return file->format ? 0 : error_memory(err);
}

/* Every tensor of the map must be in its shard. */
static int check_map(const TensorFile *file, json_t *map, const char *const *names, Error *err) {
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value) {
        const char *shard = json_string_value(value);
        const char *const *found =
            bsearch(&shard, names, (size_t)file->n_shards, sizeof *names, compare_names);
        if (!tensor_file_find(file->shards[found - names], name))
            return error_set(err, "%s: tensor %s: missing in shard %s", file->path, name, shard);
    }
    return 0;
}

static int take_tensors(TensorFile *file, json_t *map, const char *const *names, Error *err) {
    file->tensors = ARENA_NEW(file->arena, Tensor, json_object_size(map));
    if (!file->tensors)
        return error_memory(err);
    for (int i = 0; i < file->n_shards; i++) {
        for (int j = 0; j < file->shards[i]->n_tensors; j++) {
            const Tensor *tensor = &file->shards[i]->tensors[j];
            const char *shard = json_string_value(json_object_get(map, tensor->name));
            if (shard && strcmp(shard, names[i]) == 0)
                file->tensors[file->n_tensors++] = *tensor;
        }
    }
    return 0;
}

int shards_read(TensorFile *file, OpenShard open, Error *err) {
    json_error_t json_err;
    if (file->map.size > MAX_INDEX)
        return error_set(err, "%s: a list of shards of over 1 MiB", file->path);
    json_t *tree =
        json_loadb((const char *)file->map.data, file->map.size, JSON_REJECT_DUPLICATES, &json_err);
    if (!tree) {
        return error_set(err, "%s: line %d, column %d: %s", file->path, json_err.line, json_err.column,
                         json_err.text);
    }
    int result = -1, n;
    json_t *map = find_map(file, tree, err);
    const char **names = map ? list_shards(file, map, &n, err) : NULL;
    if (names && open_shards(file, names, n, open, err) == 0 && check_map(file, map, names, err) == 0 &&
        take_tensors(file, map, names, err) == 0)
        result = 0;
    json_decref(tree);
    return result;
}
