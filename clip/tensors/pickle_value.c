/* pickle_value.c: see pickle_value.h */
#include "clip/tensors/pickle_value.h"

#include <string.h>

bool pickle_is_text(const PickleValue *value, const char *text) {
    size_t n = strlen(text);
    return value->type == PICKLE_TEXT && value->size == n && memcmp(value->text, text, n) == 0;
}

bool pickle_is_global(const PickleValue *value, const char *module, const char *name) {
    return value->type == PICKLE_GLOBAL && pickle_is_text(&value->items->at[0], module) &&
           pickle_is_text(&value->items->at[1], name);
}

int pickle_shown(const PickleValue *text) {
    return text->size < 100 ? (int)text->size : 100;
}

const PickleItems *pickle_pairs(const PickleValue *value) {
    return value->type == PICKLE_DICT     ? value->items
           : value->type == PICKLE_OBJECT ? &value->object->pairs
                                          : NULL;
}

const PickleValue *pickle_get(const PickleItems *pairs, const char *key) {
    for (uint32_t i = pairs->n; i >= 2; i -= 2)
        if (pickle_is_text(&pairs->at[i - 2], key))
            return &pairs->at[i - 1];
    return NULL;
}
