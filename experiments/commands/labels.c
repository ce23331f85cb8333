/* labels.c: see labels.h */
#include "experiments/commands/labels.h"

#include "experiments/terminal/printable.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    int label;
    double probability;
} Label;

/* The most likely first; of equal ones the smaller label. */
static int compare_labels(const void *a, const void *b) {
    const Label *x = a, *y = b;
    if (x->probability != y->probability)
        return x->probability < y->probability ? 1 : -1;
    return (x->label > y->label) - (x->label < y->label);
}

static void softmax_labels(Label *labels, const float *logits, int n_classes) {
    double max = logits[0], sum = 0;
    for (int k = 1; k < n_classes; k++)
        max = logits[k] > max ? logits[k] : max;
    for (int k = 0; k < n_classes; k++) {
        labels[k] = (Label){k, exp(logits[k] - max)};
        sum += labels[k].probability;
    }
    for (int k = 0; k < n_classes; k++)
        labels[k].probability /= sum;
    qsort(labels, (size_t)n_classes, sizeof *labels, compare_labels);
}

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

int labels_print(const char *const *paths, int n, const float *logits, const char *const *names,
                 int n_classes, int top, bool json, Arena *arena, Error *err) {
    Label *labels = ARENA_NEW(arena, Label, n_classes);
    if (!labels)
        return error_memory(err);
    top = top < n_classes ? top : n_classes;
    size_t width = 0;
    for (int i = 0; i < n; i++)
        width = strlen(paths[i]) > width ? strlen(paths[i]) : width;
    for (int i = 0; i < n; i++) {
        softmax_labels(labels, logits + (size_t)i * (size_t)n_classes, n_classes);
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
