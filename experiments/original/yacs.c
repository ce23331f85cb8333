/* yacs.c: see yacs.h */
#include "experiments/original/yacs.h"

#include "clip/base/nearest.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMMAND_LINE "command line"

int yacs_start(Yacs *config, YacsCode code, Arena *arena, Error *err) {
    *config = (Yacs){.code = code, .arena = arena};
    for (int i = 0; i < YACS_N_KEYS; i++)
        config->values[i] = py_decode(yacs_key_at(i)->fallback, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

/* --- reading --- */

static int index_of(const Yacs *config, const char *name) {
    int index = yacs_key_find(name, config->code);
    assert(index >= 0);
    return index;
}

void yacs_set(Yacs *config, const char *name, PyValue value, const char *place) {
    int index = index_of(config, name);
    config->values[index] = value;
    config->places[index] = place;
}

const PyValue *yacs_get(const Yacs *config, const char *name) {
    return &config->values[index_of(config, name)];
}

const char *yacs_text(const Yacs *config, const char *name) {
    const PyValue *value = yacs_get(config, name);
    return value->type == PY_STR ? value->text : "";
}

double yacs_number(const Yacs *config, const char *name) {
    return py_number(yacs_get(config, name));
}

long long yacs_int(const Yacs *config, const char *name) {
    return yacs_get(config, name)->integer;
}

bool yacs_truth(const Yacs *config, const char *name) {
    return py_truth(yacs_get(config, name));
}

bool yacs_is_default(const Yacs *config, int index) {
    Arena *arena = arena_create();
    const PyValue fallback = py_decode(yacs_key_at(index)->fallback, arena);
    bool same = py_equal(&config->values[index], &fallback);
    arena_free(arena);
    return same;
}

/* --- errors --- */

static int fail_at(const char *place, const char *name, Error *err, const char *format, va_list args) {
    char text[800];
    vsnprintf(text, sizeof text, format, args);
    if (strcmp(place, COMMAND_LINE) == 0)
        return error_usage(err, "%s: %s", name, text);
    return error_set(err, "%s: %s: %s", place, name, text);
}

static int complain(const char *place, const char *name, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static int complain(const char *place, const char *name, Error *err, const char *format, ...) {
    va_list args;
    va_start(args, format);
    fail_at(place, name, err, format, args);
    va_end(args);
    return -1;
}

int yacs_error(const Yacs *config, const char *name, Error *err, const char *format, ...) {
    const char *place = config->places[index_of(config, name)];
    va_list args;
    va_start(args, format);
    fail_at(place ? place : "config (the default)", name, err, format, args);
    va_end(args);
    return -1;
}

static int unknown_key(const Yacs *config, const char *name, const char *place, Error *err) {
    const char *names[YACS_N_KEYS];
    int n = 0;
    for (int i = 0; i < YACS_N_KEYS; i++)
        if (yacs_key_at(i)->codes & config->code)
            names[n++] = yacs_key_at(i)->name;
    const char *nearest = nearest_word(name, names, n);
    return complain(place, name, err, "no such key%s%s%s", nearest ? " (did you mean '" : "",
                    nearest ? nearest : "", nearest ? "'?)" : "");
}

/* --- merging --- */

static bool may_replace(PyType old, PyType new) {
    const bool sequences = (old == PY_TUPLE || old == PY_LIST) && (new == PY_TUPLE || new == PY_LIST);
    return old == new || old == PY_NONE || new == PY_NONE || sequences;
}

/* A tuple stays a tuple, whatever brackets the new value has. */
static int merge(Yacs *config, const char *name, PyValue value, const char *place, Error *err) {
    int index = yacs_key_find(name, config->code);
    if (config->lenient && (index < 0 || !may_replace(config->values[index].type, value.type)))
        return 0;
    if (index < 0 && yacs_is_section(name, config->code))
        return complain(place, name, err, "keys are needed below it, not a value");
    if (index < 0)
        return unknown_key(config, name, place, err);
    const PyType old = config->values[index].type;
    if (!may_replace(old, value.type)) {
        Buffer text = {0};
        py_print_repr(&text, &value);
        const char *shown = buffer_text(&text);
        complain(place, name, err, "%s: a value of type %s, where %s is needed", shown ? shown : "?",
                 py_type_name(value.type), py_type_name(old));
        buffer_free(&text);
        return -1;
    }
    if (old == PY_TUPLE || old == PY_LIST)
        value.type = value.type == PY_NONE ? PY_NONE : old;
    config->values[index] = value;
    config->places[index] = place;
    return 0;
}

static const char *place_of(const Yacs *config, const Node *node) {
    return arena_printf(config->arena, "%s: line %d", node->place, node->line);
}

static int merge_map(Yacs *config, const char *prefix, const Node *map, Error *err) {
    for (int i = 0; i < map->n; i++) {
        const Node *child = map->children[i];
        char *name = arena_printf(config->arena, "%s%s", prefix, map->keys[i]->text);
        const char *place = place_of(config, map->keys[i]);
        PyValue value;
        if (arena_failed(config->arena))
            return error_memory(err);
        if (child->kind == NODE_MAP && yacs_is_section(name, config->code)) {
            const char *below = arena_printf(config->arena, "%s.", name);
            if (!below)
                return error_memory(err);
            if (merge_map(config, below, child, err) < 0)
                return -1;
            continue;
        }
        if (child->kind == NODE_MAP && config->lenient)
            continue;
        if (child->kind == NODE_MAP && yacs_key_find(name, config->code) < 0)
            return unknown_key(config, name, place, err);
        if (py_from_yaml(&value, child, config->arena, err) < 0 || merge(config, name, value, place, err) < 0)
            return -1;
    }
    return 0;
}

int yacs_merge_tree(Yacs *config, const Node *root, Error *err) {
    if (root->kind != NODE_MAP)
        return node_error(root, err, "a map of keys is needed");
    return merge_map(config, "", root, err);
}

int yacs_merge_file(Yacs *config, const char *path, Error *err) {
    const Node *root = yaml_read(path, config->arena, err);
    return root ? yacs_merge_tree(config, root, err) : -1;
}

int yacs_merge_pairs(Yacs *config, const char *const *texts, int n, Error *err) {
    if (n % 2 != 0)
        return error_usage(err, "%s: a key without a value: KEY VALUE pairs are needed at the end",
                           texts[n - 1]);
    for (int i = 0; i < n; i += 2) {
        const PyValue value = py_decode(texts[i + 1], config->arena);
        if (arena_failed(config->arena))
            return error_memory(err);
        if (merge(config, texts[i], value, COMMAND_LINE, err) < 0)
            return -1;
    }
    return 0;
}

/* --- printing --- */

/* The length of a name's first part. */
static size_t part(const char *name) {
    return strcspn(name, ".");
}

/* By their parts, as Python sorts the keys of each level. */
static int compare_names(const void *a, const void *b) {
    const char *x = yacs_key_at(*(const int *)a)->name, *y = yacs_key_at(*(const int *)b)->name;
    for (;;) {
        size_t n = part(x), m = part(y);
        int order = strncmp(x, y, n < m ? n : m);
        if (order != 0 || n != m)
            return order != 0 ? order : n < m ? -1 : 1;
        if (!x[n] || !y[m])
            return (x[n] != '\0') - (y[m] != '\0');
        x += n + 1;
        y += m + 1;
    }
}

/* Opens the sections of a name that the one before it does not lie in; returns its depth. */
static int print_sections(Buffer *out, const char *name, const char *before) {
    int depth = 0;
    bool same = true;
    for (; name[part(name)]; name += part(name) + 1, depth++) {
        size_t n = part(name);
        same = same && before && strncmp(name, before, n + 1) == 0;
        if (!same)
            buffer_printf(out, "%*s%.*s:\n", 2 * depth, "", (int)n, name);
        before = same ? before + n + 1 : NULL;
    }
    return depth;
}

void yacs_print(Buffer *out, const Yacs *config) {
    int order[YACS_N_KEYS] = {0}, n = 0;
    for (int i = 0; i < YACS_N_KEYS; i++)
        if (yacs_key_at(i)->codes & config->code)
            order[n++] = i;
    qsort(order, (size_t)n, sizeof *order, compare_names);
    const char *before = NULL;
    for (int i = 0; i < n; i++) {
        const char *name = yacs_key_at(order[i])->name, *dot = strrchr(name, '.');
        int depth = print_sections(out, name, before);
        buffer_printf(out, "%*s%s: ", 2 * depth, "", dot ? dot + 1 : name);
        py_print(out, &config->values[order[i]]);
        buffer_putc(out, '\n');
        before = name;
    }
}
