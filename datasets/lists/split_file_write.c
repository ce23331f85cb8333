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

static int write_item(Buffer *out, const Dataset *dataset, const Item *item, bool from_top, Arena *arena,
                      Error *err) {
    char *whole = from_top ? resolve(dataset->root, item->path, arena, err) : NULL;
    if (from_top && !whole)
        return -1;
    json_begin();
    json_t *entry =
        json_pack("[s, i, s]", from_top ? whole : item->path, item->label, dataset->class_names[item->label]);
    char *text = entry ? json_write(entry, JSON_COMPACT) : NULL;
    int result =
        text ? 0 : json_refuse(err, "%s: the name is not UTF-8, which a split file needs", item->path);
    buffer_printf(out, "%s", text ? text : "");
    free(text);
    json_decref(entry);
    free(whole);
    return result;
}

static int write_parts(Buffer *out, const Dataset *dataset, bool from_top, Arena *arena, Error *err) {
    const ItemList *lists[] = {&dataset->train, &dataset->val, &dataset->test};
    for (Part part = 0; part < N_PARTS; part++) {
        buffer_printf(out, "%s\"%s\": [", part ? "],\n" : "{", part_name(part));
        for (int i = 0; i < lists[part]->n; i++) {
            size_t mark = arena_mark(arena);
            buffer_printf(out, i ? ",\n" : "\n");
            if (write_item(out, dataset, &lists[part]->items[i], from_top, arena, err) < 0)
                return -1;
            arena_reset(arena, mark);
        }
    }
    buffer_printf(out, "]}\n");
    return 0;
}

int split_file_text(Buffer *text, const Dataset *dataset, const char **images, Arena *arena, Error *err) {
    bool from_top =
        has_odd_paths(&dataset->train) || has_odd_paths(&dataset->val) || has_odd_paths(&dataset->test);
    *images = from_top ? "/" : dataset->root;
    if (write_parts(text, dataset, from_top, arena, err) < 0)
        return -1;
    return buffer_text(text) ? 0 : error_memory(err);
}

int split_file_write(const char *path, const Dataset *dataset, const char **images, Arena *arena,
                     Error *err) {
    Buffer text = {0};
    int result = split_file_text(&text, dataset, images, arena, err);
    if (result == 0)
        result = file_write(path, buffer_text(&text), text.size, err);
    buffer_free(&text);
    return result;
}
