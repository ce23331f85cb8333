/* shards.c: see shards.h */
#include "clip/tensors/shards.h"

#include "clip/base/json.h"

#include <stdlib.h>
#include <string.h>

/* Our own limit: a tree of JSON takes up to forty times the memory of its text. Real lists have some
 * hundred bytes for each tensor. */
#define MAX_INDEX ((size_t)1 << 20)
#define MAX_NAME 512

bool shards_is_index(const char *path, const FileMap *map) {
    const char *suffix = ".index.json";
    size_t n_path = strlen(path), n_suffix = strlen(suffix);
    if (n_path >= n_suffix && strcmp(path + n_path - n_suffix, suffix) == 0)
        return true;
    /* A safetensors file may begin with '{' too, but there it is followed by zeros: its header has at most
     * 100,000,000 bytes. */
    size_t at = 0, first = map->size < 8 ? map->size : 8;
    while (at < map->size && memchr(" \t\r\n", map->data[at], 4))
        at++;
    return at < map->size && map->data[at] == '{' && !memchr(map->data, '\0', first);
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
static json_t *find_map(const char *path, json_t *tree, Error *err) {
    json_t *map = json_object_get(tree, "weight_map"), *value;
    const char *name;
    if (!json_is_object(map) || json_object_size(map) == 0) {
        error_set(err, "%s: weight_map: missing: JSON text, but not a list of shards", path);
        return NULL;
    }
    json_object_foreach(map, name, value) {
        if (strlen(name) > MAX_NAME) {
            error_set(err, "%s: weight_map: a name of over 512 bytes", path);
            return NULL;
        }
        if (!json_is_string(value) || !is_inside(json_string_value(value))) {
            error_set(err, "%s: tensor %s: its file is not named inside this folder", path, name);
            return NULL;
        }
    }
    return map;
}

/* The files' names, each once, sorted; they still belong to the tree. */
static int list_files(ShardIndex *index, const char *path, json_t *map, Arena *arena, Error *err) {
    const char **names = ARENA_NEW(arena, const char *, json_object_size(map));
    const char *key;
    json_t *value;
    size_t n_names = 0, n_unique = 0;
    if (!names)
        return error_memory(err);
    json_object_foreach(map, key, value) {
        names[n_names++] = json_string_value(value);
    }
    qsort(names, n_names, sizeof *names, compare_names);
    for (size_t i = 0; i < n_names; i++)
        if (i == 0 || strcmp(names[i], names[n_unique - 1]) != 0)
            names[n_unique++] = names[i];
    if (n_unique > SHARDS_MAX_FILES)
        return error_set(err, "%s: weight_map: over 1000 files", path);
    index->files = names;
    index->n_files = (int)n_unique;
    return 0;
}

/* Fills in the entries, and copies all names from the tree. */
static int list_entries(ShardIndex *index, json_t *map, Arena *arena, Error *err) {
    index->entries = ARENA_NEW(arena, ShardEntry, json_object_size(map));
    if (!index->entries)
        return error_memory(err);
    const char *key;
    json_t *value;
    json_object_foreach(map, key, value) {
        const char *name = json_string_value(value);
        const char **file =
            bsearch(&name, index->files, (size_t)index->n_files, sizeof *index->files, compare_names);
        index->entries[index->n_entries++] =
            (ShardEntry){.tensor = arena_strdup(arena, key), .file = (int)(file - index->files)};
    }
    for (int i = 0; i < index->n_files; i++)
        index->files[i] = arena_strdup(arena, index->files[i]);
    return arena_failed(arena) ? error_memory(err) : 0;
}

int shards_read(ShardIndex *index, const char *path, const FileMap *map, Arena *arena, Error *err) {
    json_error_t json_err;
    *index = (ShardIndex){0};
    if (map->size > MAX_INDEX)
        return error_set(err, "%s: a list of shards of over 1 MiB", path);
    json_t *tree = json_read((const char *)map->data, map->size, &json_err);
    if (!tree)
        return json_refuse(err, "%s: line %d, column %d: %s", path, json_err.line, json_err.column,
                           json_err.text);
    json_t *weight_map = find_map(path, tree, err);
    const bool done = weight_map && list_files(index, path, weight_map, arena, err) == 0 &&
                      list_entries(index, weight_map, arena, err) == 0;
    json_decref(tree);
    return done ? 0 : -1;
}
