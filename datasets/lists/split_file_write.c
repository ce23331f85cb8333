/* split_file_write.c: an entry per line. */
#include "datasets/lists/split_file_write.h"

#include "clip/base/files.h"
#include "clip/base/json.h"
#include "datasets/lists/lists.h"
#include "datasets/lists/split_file.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool has_odd_paths(const ItemList *list) {
    for (int i = 0; i < list->n; i++)
        if (split_path_fault(list->items[i].path))
            return true;
    return false;
}

/* The path from the root of the file system, without its slash; the caller frees. */
static char *resolve(const char *root, const char *path, Arena *arena, Error *err) {
    const char *joined = path_join(arena, root, path);
    char *whole = joined ? realpath(joined, NULL) : NULL;
    if (!joined)
        error_memory(err);
    else if (!whole)
        error_errno(err, ERROR_INPUT, errno, "%s", joined);
    else
        memmove(whole, whole + 1, strlen(whole));
    return whole;
}

static int write_item(FileWriter *writer, const Dataset *dataset, const Item *item, bool from_top,
                      Arena *arena, Error *err) {
    char *whole = from_top ? resolve(dataset->root, item->path, arena, err) : NULL;
    if (from_top && !whole)
        return -1;
    json_begin();
    json_t *entry =
        json_pack("[s, i, s]", from_top ? whole : item->path, item->label, dataset->class_names[item->label]);
    char *text = entry ? json_write(entry, JSON_COMPACT) : NULL;
    int result =
        text ? 0 : json_refuse(err, "%s: the name is not UTF-8, which a split file needs", item->path);
    file_printf(writer, "%s", text ? text : "");
    free(text);
    json_decref(entry);
    free(whole);
    return result;
}

static int write_parts(FileWriter *writer, const Dataset *dataset, bool from_top, Arena *arena, Error *err) {
    const ItemList *lists[] = {&dataset->train, &dataset->val, &dataset->test};
    for (Part part = 0; part < N_PARTS; part++) {
        file_printf(writer, "%s\"%s\": [", part ? "],\n" : "{", part_name(part));
        for (int i = 0; i < lists[part]->n; i++) {
            size_t mark = arena_mark(arena);
            file_printf(writer, i ? ",\n" : "\n");
            if (write_item(writer, dataset, &lists[part]->items[i], from_top, arena, err) < 0)
                return -1;
            arena_reset(arena, mark);
        }
    }
    file_printf(writer, "]}\n");
    return 0;
}

int split_file_write(const char *path, const Dataset *dataset, const char **images, Arena *arena,
                     Error *err) {
    bool from_top =
        has_odd_paths(&dataset->train) || has_odd_paths(&dataset->val) || has_odd_paths(&dataset->test);
    *images = from_top ? "/" : dataset->root;
    FileWriter *writer = file_create(path, err);
    if (!writer)
        return -1;
    if (write_parts(writer, dataset, from_top, arena, err) < 0) {
        file_discard(writer);
        return -1;
    }
    return file_commit(writer, err);
}
