/* original_lists.c: see original_lists.h */
#include "datasets/lists/original_lists.h"

#include "clip/base/buffer.h"
#include "clip/base/files.h"
#include "clip/base/text_map.h"
#include "clip/tensors/pickle.h"
#include "clip/tensors/pickle_write.h"
#include "datasets/lists/lists.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* --- reading --- */

enum { MAX_TEXT = 4096 };

/* One image as it is kept. */
typedef struct {
    char name[MAX_TEXT];
    const char *path; /* relative to the folder of the images */
    long long label;
} Kept;

typedef struct {
    const char *file, *list; /* for messages */
    const Dataset *dataset;
    TextPool pool;
} Reader;

static int bad_item(const Reader *reader, uint32_t i, Error *err, const char *reason) {
    return error_set(err, "%s: %s[%u]: %s", reader->file, reader->list, i, reason);
}

static void copy_text(char out[MAX_TEXT], const PickleValue *value) {
    memcpy(out, value->text, value->size);
    out[value->size] = '\0';
}

/* What follows the folder of the images, wherever that lies; NULL for another path. */
static const char *below_tail(const char *path, const char *tail) {
    const size_t n = strlen(tail);
    const char *found = NULL;
    for (const char *at = path; (at = strstr(at, tail)); at++)
        if ((at == path || at[-1] == '/') && at[n] == '/' && at[n + 1])
            found = at + n + 1;
    return found;
}

static const PickleValue *text_of(const PickleItems *pairs, const char *key) {
    const PickleValue *value = pickle_get(pairs, key);
    const bool is_text = value && value->type == PICKLE_TEXT && value->size < MAX_TEXT &&
                         !memchr(value->text, '\0', value->size);
    return is_text ? value : NULL;
}

static int read_kept(Kept *kept, Reader *reader, const PickleValue *value, uint32_t i, Error *err) {
    const bool is_datum =
        value->type == PICKLE_OBJECT &&
        pickle_is_global(&value->object->callable, "dassl.data.datasets.base_dataset", "Datum");
    const PickleItems *pairs = is_datum ? pickle_pairs(&value->object->state) : NULL;
    if (!pairs)
        return bad_item(reader, i, err, "no Datum of Dassl");
    const PickleValue *path = text_of(pairs, "_impath"), *name = text_of(pairs, "_classname"),
                      *label = pickle_get(pairs, "_label");
    if (!path || !name || !label || label->type != PICKLE_INT)
        return bad_item(reader, i, err, "a Datum without _impath, _label and _classname");
    char whole[MAX_TEXT];
    copy_text(whole, path);
    copy_text(kept->name, name);
    const char *below = below_tail(whole, reader->dataset->kept_tail);
    kept->path = below ? text_join(&reader->pool, NULL, below) : NULL;
    kept->label = label->integer;
    if (below && !kept->path)
        return error_memory(err);
    return below ? 0
                 : error_set(err, "%s: %s[%u]: '%.200s' does not lie in a folder %s", reader->file,
                             reader->list, i, whole, reader->dataset->kept_tail);
}

/* With classes, their names are collected; else they must be those of the dataset. */
static int check_class(Reader *reader, ClassTable *classes, const Kept *kept, uint32_t i, Error *err) {
    const Dataset *whole = reader->dataset->whole ? reader->dataset->whole : reader->dataset;
    if (classes)
        return class_put(classes, kept->label, kept->name, &reader->pool, err) < 0
                   ? error_prefix(err, "%s: %s[%u]", reader->file, reader->list, i)
                   : 0;
    if (kept->label < 0 || kept->label >= whole->n_classes)
        return error_set(err, "%s: %s[%u]: label %lld, where there are %d classes", reader->file,
                         reader->list, i, kept->label, whole->n_classes);
    if (strcmp(whole->class_names[kept->label], kept->name) != 0)
        return error_set(err, "%s: %s[%u]: class %lld is '%.100s', but '%.100s' in %s", reader->file,
                         reader->list, i, kept->label, kept->name, whole->class_names[kept->label],
                         whole->source);
    return 0;
}

/* The list under a key, cut to the classes of the dataset. */
static int read_list(ItemList *list, Reader *reader, ClassTable *classes, const PickleValue *value,
                     Error *err) {
    const Dataset *dataset = reader->dataset;
    if (value->type != PICKLE_LIST || value->items->n > INT_MAX)
        return error_set(err, "%s: %s: not a list", reader->file, reader->list);
    *list = (ItemList){.items = ARENA_NEW(reader->pool.arena, Item, value->items->n)};
    if (!list->items)
        return error_memory(err);
    for (uint32_t i = 0; i < value->items->n; i++) {
        Kept kept;
        if (read_kept(&kept, reader, &value->items->at[i], i, err) < 0 ||
            check_class(reader, classes, &kept, i, err) < 0)
            return -1;
        const long long label = kept.label - (classes ? 0 : dataset->first_class);
        if (label >= 0 && (classes || label < dataset->n_classes))
            list->items[list->n++] = (Item){.path = kept.path, .label = (int)label};
    }
    return 0;
}

/* The pairs of the file; its texts are borrowed from *map. */
static const PickleItems *open_pickle(FileMap *map, const char *path, Arena *arena, Error *err) {
    PickleValue value;
    const char *place = arena_printf(arena, "%s: pickle", path);
    if (!place) {
        error_memory(err);
        return NULL;
    }
    if (file_map(map, path, err) < 0)
        return NULL;
    const PickleItems *pairs =
        pickle_read_lists(&value, place, map->data, map->size, arena, err) < 0 ? NULL : pickle_pairs(&value);
    if (!pairs && (!err || err->kind == ERROR_NONE))
        error_set(err, "%s: not a dict of lists", path);
    if (!pairs)
        file_unmap(map);
    return pairs;
}

/* Reads the lists of two names; the second may be missing where it is NULL or not needed. */
static int read_two(ItemList *lists[2], const char *const names[2], bool need_second, ClassTable *classes,
                    const char *path, const Dataset *dataset, Arena *arena, Error *err) {
    Arena *scratch = arena_create();
    Error why = {0};
    FileMap map = {0};
    const PickleItems *pairs = scratch ? open_pickle(&map, path, scratch, &why) : NULL;
    int status = pairs ? 0 : -1;
    for (int i = 0; i < 2 && status == 0 && lists[i]; i++) {
        Reader reader = {.file = path, .list = names[i], .dataset = dataset, .pool = {.arena = arena}};
        const PickleValue *value = pickle_get(pairs, names[i]);
        if (value)
            status = read_list(lists[i], &reader, classes, value, &why);
        else if (i == 0 || need_second)
            status = error_set(&why, "%s: no list '%s'", path, names[i]);
    }
    if (pairs)
        file_unmap(&map);
    arena_free(scratch);
    if (status < 0 && err)
        *err = why;
    return scratch ? status : error_memory(err);
}

/* Paths are those of the dataset's own list, which live as long as it does: each must be in there. */
static int adopt_paths(ItemList *kept, const ItemList *list, const char *file, const char *name,
                       Arena *scratch, Error *err) {
    TextMap places = {.arena = scratch};
    const char **own = ARENA_NEW(scratch, const char *, kept->n);
    if (!own)
        return error_memory(err);
    for (int i = 0; i < kept->n; i++)
        if (text_map_put(&places, kept->items[i].path, i) < 0)
            return error_memory(err);
    for (int i = 0; i < list->n; i++) {
        const int *place = text_map_find(&places, list->items[i].path);
        if (place)
            own[*place] = list->items[i].path;
    }
    for (int i = 0; i < kept->n; i++) {
        const char *path = own[*text_map_find(&places, kept->items[i].path)];
        if (!path)
            return error_set(err, "%s: %s: '%.200s' is not among the dataset's images for that", file, name,
                             kept->items[i].path);
        kept->items[i].path = path;
    }
    return 0;
}

const char *original_lists_path(const Dataset *dataset, int num_shots, uint32_t seed, Arena *arena) {
    return dataset->kept_few_shot && num_shots > 0
               ? arena_printf(arena, "%s/shot_%d-seed_%u.pkl", dataset->kept_few_shot, num_shots, seed)
               : NULL;
}

int original_lists_few_shot(ItemList *train, ItemList *val, const Dataset *dataset, int num_shots,
                            uint32_t seed, Arena *arena, Error *err) {
    static const char *const names[] = {"train", "val"};
    const char *path = original_lists_path(dataset, num_shots, seed, arena);
    ItemList *lists[] = {train, val};
    if (!path || !file_exists(path))
        return arena_failed(arena) ? error_memory(err) : 0;
    Arena *scratch = arena_create();
    ItemList before = val ? *val : (ItemList){0};
    int status = read_two(lists, names, false, NULL, path, dataset, arena, err);
    if (status == 0)
        status =
            scratch ? adopt_paths(train, &dataset->train, path, "train", scratch, err) : error_memory(err);
    if (status == 0 && val && val->items != before.items)
        status = adopt_paths(val, &dataset->val, path, "val", scratch, err);
    arena_free(scratch);
    return status;
}

int original_lists_dataset(Dataset *dataset, const char *path, Arena *arena, Error *err) {
    static const char *const names[] = {"train", "test"};
    ItemList *lists[] = {&dataset->train, &dataset->test};
    ClassTable classes = {0};
    if (read_two(lists, names, true, &classes, path, dataset, arena, err) < 0 ||
        class_finish(&classes, path, err) < 0)
        return -1;
    dataset->val = dataset->test;
    dataset->source = arena_strdup(arena, path);
    dataset->class_names = classes.names;
    dataset->n_classes = classes.n_classes;
    return dataset->source ? 0 : error_memory(err);
}

/* --- writing --- */

/* Datum.__new__(Datum), its __dict__ and BUILD. */
static void put_datum(Buffer *out, const char *folder, const Item *item, const char *name) {
    buffer_puts(out, "cdassl.data.datasets.base_dataset\nDatum\n)\x81}(");
    pickle_put_text(out, "_impath");
    buffer_putc(out, 'X');
    pickle_put_size(out, 4,
                    *item->path == '/' ? strlen(item->path) : strlen(folder) + 1 + strlen(item->path));
    if (*item->path != '/')
        buffer_printf(out, "%s/", folder);
    buffer_puts(out, item->path);
    pickle_put_text(out, "_label");
    pickle_put_integer(out, item->label);
    pickle_put_text(out, "_domain");
    pickle_put_integer(out, 0);
    pickle_put_text(out, "_classname");
    pickle_put_text(out, name);
    buffer_puts(out, "ub");
}

static void put_list(Buffer *out, const char *key, const char *folder, const Dataset *dataset,
                     const ItemList *list) {
    pickle_put_text(out, key);
    buffer_puts(out, "]("); /* EMPTY_LIST, MARK */
    for (int i = 0; i < list->n; i++)
        put_datum(out, folder, &list->items[i], dataset->class_names[list->items[i].label]);
    buffer_putc(out, 'e'); /* APPENDS */
}

int original_lists_write(const char *path, const Dataset *dataset, const ItemList *train, const ItemList *val,
                         Arena *arena, Error *err) {
    Buffer out = {0};
    char *here = *dataset->root == '/' ? NULL : getcwd(NULL, 0);
    const char *folder = here ? path_join(arena, here, dataset->root) : dataset->root;
    free(here);
    if (!folder)
        return error_memory(err);
    buffer_puts(&out, PICKLE_BEGIN);
    pickle_dict_begin(&out);
    put_list(&out, "train", folder, dataset, train);
    if (val)
        put_list(&out, "val", folder, dataset, val);
    pickle_dict_end(&out);
    buffer_puts(&out, PICKLE_END);
    const char *bytes = buffer_text(&out);
    int status = bytes ? file_write(path, bytes, out.size, err) : error_memory(err);
    buffer_free(&out);
    return status;
}
