/* key_spec.c: see key_spec.h */
#include "experiments/config/key_spec.h"

#include <stdio.h>
#include <string.h>

const KeySpec *section_key_at(const SectionSpec *section, int index) {
    for (int g = 0; g < SECTION_MAX_GROUPS && section->groups[g]; g++) {
        if (index < section->groups[g]->n)
            return &section->groups[g]->keys[index];
        index -= section->groups[g]->n;
    }
    return NULL;
}

const KeySpec *section_key(const SectionSpec *section, const char *name) {
    const KeySpec *key;
    for (int i = 0; (key = section_key_at(section, i)); i++)
        if (strcmp(key->name, name) == 0)
            return key;
    return NULL;
}

static bool is_text(const KeySpec *key) {
    return key->type == KEY_TEXT || key->type == KEY_PATH;
}

size_t key_size(const KeySpec *key) {
    if (key->type == KEY_REAL)
        return sizeof(double);
    if (key->type == KEY_BYTES)
        return sizeof(size_t);
    if (key->type == KEY_BOOL && !(key->flags & KEY_LIST))
        return sizeof(bool);
    return is_text(key) ? sizeof(char *) : sizeof(int);
}

int key_count(const KeySpec *key, const void *base) {
    const void *field = (const char *)base + key->offset;
    return key->type == KEY_REAL ? ((const RealList *)field)->n
           : is_text(key)        ? ((const TextList *)field)->n
                                 : ((const IntList *)field)->n;
}

const void *key_value(const KeySpec *key, const void *base, int i) {
    const void *field = (const char *)base + key->offset;
    if (key->type == KEY_REAL)
        return ((const RealList *)field)->values + i;
    if (is_text(key))
        return ((const TextList *)field)->values + i;
    return ((const IntList *)field)->values + i;
}

void key_set(const KeySpec *key, void *base, void *values, int n) {
    void *field = (char *)base + key->offset;
    if (key->type == KEY_REAL)
        *(RealList *)field = (RealList){values, n};
    else if (is_text(key))
        *(TextList *)field = (TextList){values, n};
    else
        *(IntList *)field = (IntList){values, n};
}

void key_cut(const KeySpec *key, void *base, int i) {
    key_set(key, base, (void *)key_value(key, base, i), 1);
}

bool key_truth(const KeySpec *key, const void *value) {
    return key->flags & KEY_LIST ? *(const int *)value != 0 : *(const bool *)value;
}

bool key_equal(const KeySpec *key, const void *a, const void *b) {
    if (key->type == KEY_REAL)
        return *(const double *)a == *(const double *)b;
    if (is_text(key))
        return strcmp(*(const char *const *)a, *(const char *const *)b) == 0;
    return memcmp(a, b, key_size(key)) == 0;
}

void key_type_text(const KeySpec *key, char *out, size_t size) {
    static const char *const types[] = {
        "text", "path",        "integer",    "number",          "true or false",
        NULL,   "bytes, 4GiB", "keys below", "list of methods", "list of datasets"};
    const char *type = key->choices ? key->choices : types[key->type];
    snprintf(out, size, "%s%s%s%s", type, key->word ? "|" : "", key->word ? key->word : "",
             key->flags & (KEY_LIST | KEY_EACH) ? ", list" : "");
}
