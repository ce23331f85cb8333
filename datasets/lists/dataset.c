/* dataset.c: a check of the classes, and the cut to base or new classes. */
#include "datasets/lists/dataset.h"

#include <string.h>

int dataset_check_classes(const Dataset *dataset, Arena *arena, Error *err) {
    const ItemList *list = dataset->train.n > 0 ? &dataset->train : &dataset->test;
    if (list->n == 0)
        return error_set(err, "%s: neither training nor test images", dataset->source);
    size_t mark = arena_mark(arena);
    char *seen = ARENA_NEW(arena, char, dataset->n_classes);
    if (!seen)
        return error_memory(err);
    for (int i = 0; i < list->n; i++)
        seen[list->items[i].label] = 1;
    int missing = 0;
    while (missing < dataset->n_classes && seen[missing])
        missing++;
    arena_reset(arena, mark);
    if (missing < dataset->n_classes)
        return error_set(err, "%s: class '%s' (label %d): no %s images", dataset->source,
                         dataset->class_names[missing], missing,
                         list == &dataset->train ? "training" : "test");
    return 0;
}

static int keep_classes(ItemList *list, int first, int n, Arena *arena, Error *err) {
    Item *items = ARENA_NEW(arena, Item, list->n);
    if (!items)
        return error_memory(err);
    int kept = 0;
    for (int i = 0; i < list->n; i++) {
        int label = list->items[i].label - first;
        if (label >= 0 && label < n)
            items[kept++] = (Item){.path = list->items[i].path, .label = label};
    }
    *list = (ItemList){.items = items, .n = kept};
    return 0;
}

int dataset_subsample(Dataset *dataset, bool base, Arena *arena, Error *err) {
    int n_base = (dataset->n_classes + 1) / 2;
    int first = base ? 0 : n_base, n = base ? n_base : dataset->n_classes - n_base;
    if (n == 0)
        return error_set(err, "%s: subsample_classes new: the only class is a base class", dataset->source);
    Dataset *whole = ARENA_NEW(arena, Dataset, 1);
    if (!whole)
        return error_memory(err);
    *whole = *dataset;
    dataset->whole = whole;
    dataset->first_class = first;
    dataset->n_classes = n;
    dataset->class_names += first;
    if (keep_classes(&dataset->train, first, n, arena, err) < 0 ||
        keep_classes(&dataset->val, first, n, arena, err) < 0 ||
        keep_classes(&dataset->test, first, n, arena, err) < 0)
        return -1;
    return 0;
}
