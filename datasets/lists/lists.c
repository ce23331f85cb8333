/* lists.c: what the readers of lists share. */
#include "datasets/lists/lists.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistr.h>

#define TEXT_BLOCK 65536

static const char *const part_names[N_PARTS] = {"train", "val", "test"};

const char *part_name(Part part) {
    return part_names[part];
}

Part part_find(const char *name, size_t length) {
    Part part = 0;
    while (part < N_PARTS &&
           (strlen(part_names[part]) != length || memcmp(part_names[part], name, length) != 0))
        part++;
    return part;
}

static char *text_alloc(TextPool *pool, size_t size) {
    if (size > pool->left) {
        size_t block = size > TEXT_BLOCK ? size : TEXT_BLOCK;
        char *text = ARENA_NEW(pool->arena, char, block);
        if (!text)
            return NULL;
        pool->at = text;
        pool->left = block;
    }
    char *text = pool->at;
    pool->at += size;
    pool->left -= size;
    return text;
}

char *text_join(TextPool *pool, const char *folder, const char *name) {
    size_t n_folder = folder ? strlen(folder) : 0;
    size_t n_slash = n_folder > 0 && folder[n_folder - 1] != '/';
    size_t n_name = strlen(name);
    char *text = text_alloc(pool, n_folder + n_slash + n_name + 1);
    if (!text)
        return NULL;
    if (n_folder > 0)
        memcpy(text, folder, n_folder);
    if (n_slash)
        text[n_folder] = '/';
    memcpy(text + n_folder + n_slash, name, n_name + 1);
    return text;
}

int list_push(ListBuilder *builder, const char *path, int label, Arena *arena, Error *err) {
    ItemList *list = &builder->list;
    if (list->n > INT_MAX / 2)
        return error_set(err, "too many images");
    Item *items = arena_grow(arena, list->items, &builder->capacity, list->n + 1, sizeof *items);
    if (!items)
        return error_memory(err);
    list->items = items;
    list->items[list->n++] = (Item){.path = path, .label = label};
    return 0;
}

int class_put(ClassTable *classes, long long label, const char *name, TextPool *pool, Error *err) {
    if (label < 0)
        return error_set(err, "label %lld is negative", label);
    if (label >= MAX_CLASSES)
        return error_set(err, "label %lld is too large (at most %d)", label, MAX_CLASSES - 1);
    int at = (int)label;
    if (at < classes->n_classes && classes->names[at]) {
        if (strcmp(classes->names[at], name) != 0)
            return error_set(err, "label %d is '%s' and '%s'", at, classes->names[at], name);
        return 0;
    }
    if (!*name)
        return error_set(err, "label %d has an empty class name", at);
    if (u8_check((const uint8_t *)name, strlen(name)))
        return error_set(err, "the class name of label %d is not UTF-8", at);
    const char **names = arena_grow(pool->arena, classes->names, &classes->capacity, at + 1, sizeof *names);
    if (!names)
        return error_memory(err);
    classes->names = names;
    classes->names[at] = text_join(pool, NULL, name);
    if (!classes->names[at])
        return error_memory(err);
    if (at >= classes->n_classes)
        classes->n_classes = at + 1;
    return 0;
}

int class_finish(const ClassTable *classes, const char *file, Error *err) {
    if (classes->n_classes == 0)
        return error_set(err, "%s: no images", file);
    for (int label = 0; label < classes->n_classes; label++)
        if (!classes->names[label])
            return error_set(err, "%s: no image has label %d (labels go up to %d, without gaps)", file, label,
                             classes->n_classes - 1);
    return 0;
}

static int compare_names(const void *a, const void *b) {
    const NamedValue *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order ? order : (left->value > right->value) - (left->value < right->value);
}

void names_sort(NamedValue *names, int n) {
    if (n > 0)
        qsort(names, (size_t)n, sizeof *names, compare_names);
}

static int compare_key(const void *key, const void *item) {
    return strcmp(key, ((const NamedValue *)item)->name);
}

const NamedValue *names_find(const NamedValue *names, int n, const char *name) {
    return n > 0 ? bsearch(name, names, (size_t)n, sizeof *names, compare_key) : NULL;
}
