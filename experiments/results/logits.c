/* logits.c: see logits.h */
#include "experiments/results/logits.h"

#include "clip/base/json.h"
#include "clip/tensors/safetensors_write.h"
#include "clip/tensors/tensors.h"

#include <stdlib.h>

/* A list as JSON text that the arena owns; takes the list. NULL when it has an entry that is not UTF-8. */
static char *list_text(json_t *list, Arena *arena) {
    char *text = list ? json_write(list, JSON_COMPACT) : NULL;
    char *copy = text ? arena_strdup(arena, text) : NULL;
    free(text);
    json_decref(list);
    return copy;
}

static int append(json_t *list, json_t *value) {
    return json_array_append_new(list, value);
}

int logits_write(const char *path, const float *logits, const Dataset *dataset, Arena *arena, Error *err) {
    const ItemList *test = &dataset->test;
    json_begin();
    json_t *paths = json_array(), *labels = json_array(), *names = json_array();
    int failed = 0;
    for (int i = 0; i < test->n; i++)
        failed |= append(paths, json_string(test->items[i].path)) |
                  append(labels, json_integer(test->items[i].label));
    for (int k = 0; k < dataset->n_classes; k++)
        failed |= append(names, json_string(dataset->class_names[k]));
    const MetadataOut metadata[] = {{"paths", list_text(paths, arena)},
                                    {"labels", list_text(labels, arena)},
                                    {"class_names", list_text(names, arena)},
                                    SAFETENSORS_CHECKED};
    if (failed || !metadata[0].value || !metadata[1].value || !metadata[2].value)
        return json_refuse(err, "%s: metadata: a path or a class name is not UTF-8", path);
    const TensorOut tensor = {.name = "logits",
                              .dtype = DTYPE_F32,
                              .n_dims = 2,
                              .shape = {test->n, dataset->n_classes},
                              .data = logits};
    return safetensors_write(path, &tensor, 1, metadata, 4, err);
}
