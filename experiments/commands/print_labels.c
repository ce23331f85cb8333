/* print_labels.c: see print_labels.h */
#include "experiments/commands/print_labels.h"

#include "coop/labels.h"
#include "experiments/terminal/printable.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int print_json(const char *path, const Label *labels, int top, const char *const *names, Error *err) {
    json_t *list = json_array();
    for (int i = 0; i < top; i++)
        json_array_append_new(list, json_pack("{s:s, s:f}", "name", names[labels[i].label], "probability",
                                              labels[i].probability));
    json_t *object = json_pack("{s:s, s:o}", "image", path, "labels", list);
    char *text = object ? json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (!text)
        return error_set(err, "%s: the path is not UTF-8, which JSON needs", path);
    puts(text);
    free(text);
    return 0;
}

int print_labels(const char *const *paths, int n, const float *logits, const char *const *names,
                 int n_classes, int top, bool json, Arena *arena, Error *err) {
    Label *labels = ARENA_NEW(arena, Label, n_classes);
    if (!labels)
        return error_memory(err);
    top = top < n_classes ? top : n_classes;
    size_t width = 0;
    for (int i = 0; i < n; i++)
        width = strlen(paths[i]) > width ? strlen(paths[i]) : width;
    for (int i = 0; i < n; i++) {
        labels_rank(labels, logits + (size_t)i * (size_t)n_classes, n_classes);
        if (json) {
            if (print_json(paths[i], labels, top, names, err) < 0)
                return -1;
            continue;
        }
        printf("%-*s", (int)width, paths[i]);
        for (int j = 0; j < top; j++)
            printf("  %s %.1f %%", printable(names[labels[j].label], arena), 100 * labels[j].probability);
        printf("\n");
    }
    return 0;
}
