/* print_labels.c: see print_labels.h */
#include "experiments/commands/print_labels.h"

#include "clip/base/json.h"
#include "coop/labels.h"
#include "experiments/terminal/printable.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *json_labels(const Label *labels, int top, const char *const *names) {
    json_t *list = json_array();
    int failed = !list;
    for (int i = 0; i < top; i++)
        failed |= json_array_append_new(list, json_pack("{s:s, s:f}", "name", names[labels[i].label],
                                                        "probability", labels[i].probability));
    if (!failed)
        return list;
    json_decref(list);
    return NULL;
}

/* Of an image with labels, or with an error. */
static int print_json(const char *path, const Label *labels, int top, const char *const *names,
                      const Error *bad, Error *err) {
    const bool good = bad->kind == ERROR_NONE;
    json_begin();
    json_t *list = good ? json_labels(labels, top, names) : NULL;
    json_t *object = good && !list ? NULL
                     : good        ? json_pack("{s:s, s:o}", "image", path, "labels", list)
                                   : json_pack("{s:s, s:s}", "image", path, "error", bad->text);
    char *text = object ? json_write(object, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    json_decref(object);
    if (!text)
        return json_refuse(err, "%s: the path is not UTF-8, which JSON needs", path);
    print_json_line(stdout, text);
    free(text);
    return 0;
}

/* The longest path of an image that has labels, in bytes as printed. */
static int path_width(const LabelledImages *images, Arena *arena) {
    size_t width = 0;
    for (int i = 0; i < images->n; i++) {
        size_t length = images->bad[i].kind == ERROR_NONE ? strlen(printable(images->paths[i], arena)) : 0;
        width = length > width ? length : width;
    }
    return (int)width;
}

static void print_text(const char *path, int width, const Label *labels, int top, const char *const *names,
                       Arena *arena) {
    printf("%-*s", width, printable(path, arena));
    for (int j = 0; j < top; j++)
        printf("  %s %.1f %%", printable(names[labels[j].label], arena), 100 * labels[j].probability);
    printf("\n");
}

static int tell_bad(const LabelledImages *images, Error *err) {
    int n_bad = 0;
    for (int i = 0; i < images->n; i++)
        n_bad += images->bad[i].kind != ERROR_NONE;
    if (n_bad == 0)
        return 0;
    if (images->n == 1) {
        *err = images->bad[0];
        return -1;
    }
    for (int i = 0; i < images->n; i++)
        if (images->bad[i].kind != ERROR_NONE)
            print_line(stderr, "%s", images->bad[i].text);
    error_set(err, "%d of %d images could not be read", n_bad, images->n);
    err->kind = n_bad < images->n ? ERROR_PARTLY : ERROR_INPUT;
    return -1;
}

int print_labels(const LabelledImages *images, int top, bool json, Arena *arena, Error *err) {
    const int K = images->n_classes, width = json ? 0 : path_width(images, arena);
    Label *labels = ARENA_NEW(arena, Label, K);
    if (!labels)
        return error_memory(err);
    top = top < K ? top : K;
    for (int i = 0; i < images->n; i++) {
        bool good = images->bad[i].kind == ERROR_NONE;
        if (good)
            labels_rank(labels, images->logits + (size_t)i * (size_t)K, K);
        if (!json && good)
            print_text(images->paths[i], width, labels, top, images->names, arena);
        if (json && print_json(images->paths[i], labels, top, images->names, &images->bad[i], err) < 0)
            return -1;
    }
    return tell_bad(images, err);
}
