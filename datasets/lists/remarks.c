/* remarks.c: see remarks.h */
#include "datasets/lists/remarks.h"

#include "clip/base/text_map.h"
#include "datasets/lists/lists.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void remark(Remarks *remarks, Arena *arena, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    const char *line = arena_strdup(arena, text);
    const char **lines = arena_grow(arena, remarks->lines, &remarks->capacity, remarks->n + 1, sizeof *lines);
    if (!line || !lines)
        return;
    remarks->lines = lines;
    remarks->lines[remarks->n++] = line;
}

/* Where an image has another label than before, its path is `first` if it is the first such image. */
static int find_clashes(const ItemList *list, TextMap *labels, const Item **first, int *other, int *n) {
    for (int i = 0; i < list->n; i++) {
        const Item *item = &list->items[i];
        const int *label = text_map_find(labels, item->path);
        if (!label && text_map_put(labels, item->path, item->label) < 0)
            return -1;
        if (!label || *label == item->label)
            continue;
        if (!*first) {
            *first = item;
            *other = *label;
        }
        ++*n;
    }
    return 0;
}

int remark_labels(Dataset *dataset, Arena *arena, Error *err) {
    const ItemList *lists[] = {&dataset->train, &dataset->val, &dataset->test};
    const Item *first = NULL;
    int other = 0, n = 0, result = 0;
    Arena *scratch = arena_create();
    TextMap labels = {.arena = scratch};
    for (int part = 0; part < N_PARTS && result == 0; part++)
        result = find_clashes(lists[part], &labels, &first, &other, &n);
    arena_free(scratch);
    if (result < 0)
        return error_memory(err);
    if (n > 0)
        remark(&dataset->remarks, arena, "%s: %d image%s more than one label (%s: '%s' and '%s')",
               dataset->source, n, n == 1 ? " has" : "s have", first->path, dataset->class_names[other],
               dataset->class_names[first->label]);
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* The number of images of each class (n_classes), owned by the arena. */
static int *count_labels(const Dataset *dataset, const ItemList *list, Arena *arena) {
    int *counts = ARENA_NEW(arena, int, dataset->n_classes);
    for (int i = 0; counts && i < list->n; i++)
        counts[list->items[i].label]++;
    return counts;
}

/* How many classes have fewer than `least` images; *example is the one that has fewest. */
static int count_short(const int *counts, int n_classes, int least, int *example) {
    int n = 0;
    for (int k = 0; k < n_classes; k++)
        if (counts[k] < least) {
            *example = n == 0 || counts[k] < counts[*example] ? k : *example;
            n++;
        }
    return n;
}

int remark_untested(Dataset *dataset, Arena *arena, Error *err) {
    int example = 0, n = 0;
    size_t mark = arena_mark(arena);
    const int *counts = count_labels(dataset, &dataset->test, arena);
    if (counts && dataset->test.n > 0)
        n = count_short(counts, dataset->n_classes, 1, &example);
    if (!counts)
        return error_memory(err);
    arena_reset(arena, mark);
    if (n > 0)
        remark(&dataset->remarks, arena, "%s: %d of %d classes %s no test images ('%s')", dataset->source, n,
               dataset->n_classes, n == 1 ? "has" : "have", dataset->class_names[example]);
    return arena_failed(arena) ? error_memory(err) : 0;
}

int remark_shots(Dataset *dataset, const int *num_shots, int n, Arena *arena, Error *err) {
    const int *counts = count_labels(dataset, &dataset->train, arena);
    if (!counts)
        return error_memory(err);
    for (int i = 0; i < n; i++) {
        int example = 0, n_short = count_short(counts, dataset->n_classes, num_shots[i], &example);
        if (n_short > 0)
            remark(&dataset->remarks, arena,
                   "%s: num_shots %d: %d of %d classes %s fewer training images, and give%s all ('%s': %d)",
                   dataset->source, num_shots[i], n_short, dataset->n_classes, n_short == 1 ? "has" : "have",
                   n_short == 1 ? "s" : "", dataset->class_names[example], counts[example]);
    }
    return arena_failed(arena) ? error_memory(err) : 0;
}
