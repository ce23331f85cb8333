/* study.c: see study.h. The tree of the file is changed in place, and read as often as there are experiments.
 */
#include "experiments/config/study.h"

#include "experiments/config/config.h"

#include <string.h>

#define MAX_EXPERIMENTS 1000

/* What is read again and again. */
typedef struct {
    const char *path;
    Node *root;
    const MethodList *methods;
    Arena *arena;
    Error *err;
} Reader;

/* --- trees --- */

static Node **slot(const Node *map, const char *key) {
    for (int i = 0; map && map->kind == NODE_MAP && i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return &map->children[i];
    return NULL;
}

/* map with key: value behind the others, or in place of the one of that name; a new tree. */
static Node *with(const Node *map, Node *key, Node *value, Arena *arena) {
    Node *copy = ARENA_NEW(arena, Node, 1);
    Node **children = ARENA_NEW(arena, Node *, map->n + 1), **keys = ARENA_NEW(arena, Node *, map->n + 1);
    if (arena_failed(arena))
        return NULL;
    *copy = *map;
    for (int i = 0; i < map->n; i++) {
        keys[i] = map->keys[i];
        children[i] = map->children[i];
    }
    copy->keys = keys;
    copy->children = children;
    copy->capacity = map->n + 1;
    Node **there = slot(copy, key->text);
    if (there) {
        *there = value;
    } else {
        keys[copy->n] = key;
        children[copy->n++] = value;
    }
    return copy;
}

static Node *with_pairs_of(const Node *map, const Node *more, Arena *arena) {
    Node *both = (Node *)map;
    for (int i = 0; both && i < more->n; i++)
        both = with(both, more->keys[i], more->children[i], arena);
    return both;
}

/* A scalar that stands where `at` stands. */
static Node *scalar(const char *text, const Node *at, Arena *arena) {
    Node *node = ARENA_NEW(arena, Node, 1);
    if (node)
        *node = (Node){.kind = NODE_SCALAR, .place = at->place, .line = at->line, .text = text};
    return node;
}

/* --- transfer --- */

/* The dataset of a target as a whole map: what it leaves out is taken from `dataset`. */
static Node *target_dataset(const Reader *reader, const Node *dataset, Node *entry) {
    Arena *arena = reader->arena;
    Node empty = {.kind = NODE_MAP, .place = entry->place, .line = entry->line};
    const Node *given = entry;
    if (entry->kind == NODE_SCALAR) {
        Node *key = scalar("name", entry, arena);
        given = key ? with(&empty, key, entry, arena) : NULL;
    }
    if (!given || node_find(given, "format"))
        return (Node *)given;
    if (!node_find(given, "name"))
        return with_pairs_of(dataset, given, arena);
    Node **root = slot(dataset, "root");
    Node *key = root && !node_find(given, "root") ? scalar("root", entry, arena) : NULL;
    return key ? with(given, key, *root, arena) : (Node *)given;
}

/* The values behind a key: the entries of a list, or the one value that stands there. */
static Node **values(Node **there, int *n) {
    *n = !there ? 0 : (*there)->kind == NODE_LIST ? (*there)->n : 1;
    return there && (*there)->kind == NODE_LIST ? (*there)->children : there;
}

static int read_one(Experiment *experiment, const Reader *reader) {
    return experiment_from_tree(experiment, reader->path, reader->root, reader->methods, reader->arena,
                                reader->err);
}

static int read_targets(Experiment *experiment, const Reader *reader) {
    Node **dataset = slot(reader->root, "dataset"), *own = *dataset;
    Node **transfer = slot(reader->root, "transfer");
    if (transfer && node_is_empty(*transfer))
        transfer = NULL;
    Node **entries = values(transfer, &experiment->n_targets);
    experiment->targets = ARENA_NEW(reader->arena, Experiment, experiment->n_targets);
    int result = arena_failed(reader->arena) ? error_memory(reader->err) : 0;
    for (int i = 0; i < experiment->n_targets && result == 0; i++) {
        if (entries[i]->kind == NODE_LIST)
            return node_error(entries[i], reader->err,
                              "transfer[%d]: must be the name of a dataset, or keys as in dataset", i);
        *dataset = target_dataset(reader, own, entries[i]);
        result = *dataset ? read_one(&experiment->targets[i], reader) : error_memory(reader->err);
    }
    *dataset = own;
    return result;
}

/* --- several of each --- */

/* A section of the file as often as it stands for something else: a list of maps, lists under one key of
 * these. */
typedef struct {
    Node **place, **maps;
    int n;
} Choice;

static bool same_text(const Node *a, const Node *b) {
    return a->kind == NODE_SCALAR && b->kind == NODE_SCALAR && strcmp(a->text, b->text) == 0;
}

static int check_list(Node *const *list, int n, const char *section, const char *key, Error *err) {
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++)
            if (same_text(list[i], list[j]))
                return node_error(list[i], err, "%s.%s: '%.100s' stands there twice", section, key,
                                  list[i]->text);
    return 0;
}

/* The map once for each value of the key; as it is when the key is not there. */
static int add_maps(Choice *choice, Node *map, const char *section, const char *key, const Reader *reader) {
    int n;
    Node **there = slot(map, key), **list = values(there, &n);
    if (there && n == 0)
        return node_error(*there, reader->err, "%s.%s: an empty list", section, key);
    if (check_list(list, n, section, key, reader->err) < 0)
        return -1;
    n = there ? n : 1;
    Node **maps = ARENA_NEW(reader->arena, Node *, choice->n + n);
    if (!maps)
        return error_memory(reader->err);
    for (int i = 0; i < choice->n; i++)
        maps[i] = choice->maps[i];
    choice->maps = maps;
    for (int i = 0; i < n; i++) {
        Node *name = there ? scalar(key, *there, reader->arena) : NULL;
        maps[choice->n] = !there ? map : name ? with(map, name, list[i], reader->arena) : NULL;
        if (!maps[choice->n++])
            return error_memory(reader->err);
    }
    if (choice->n > MAX_EXPERIMENTS)
        return error_set(reader->err, "%s: over %d experiments", reader->path, MAX_EXPERIMENTS);
    return 0;
}

/* Without the section there is one choice: reading complains. */
static int find_choice(Choice *choice, const Reader *reader, const char *section, const char *key) {
    int n;
    *choice = (Choice){.place = slot(reader->root, section)};
    Node **entries = values(choice->place, &n);
    if (choice->place && n == 0)
        return node_error(*choice->place, reader->err, "%s: an empty list", section);
    for (int i = 0; i < n; i++)
        if (add_maps(choice, entries[i], section, key, reader) < 0)
            return -1;
    choice->n = choice->n > 0 ? choice->n : 1;
    return 0;
}

static int read_all(Study *study, const Reader *reader) {
    Choice models, datasets;
    if (find_choice(&models, reader, "model", "weights") < 0 ||
        find_choice(&datasets, reader, "dataset", "name") < 0)
        return -1;
    if ((long)models.n * datasets.n > MAX_EXPERIMENTS)
        return error_set(reader->err, "%s: over %d experiments", reader->path, MAX_EXPERIMENTS);
    study->experiments = ARENA_NEW(reader->arena, Experiment, models.n * datasets.n);
    if (!study->experiments)
        return error_memory(reader->err);
    for (int i = 0; i < models.n; i++)
        for (int j = 0; j < datasets.n; j++) {
            if (models.place)
                *models.place = models.maps[i];
            if (datasets.place)
                *datasets.place = datasets.maps[j];
            Experiment *experiment = &study->experiments[study->n++];
            if (read_one(experiment, reader) < 0 || read_targets(experiment, reader) < 0)
                return -1;
        }
    return 0;
}

int study_read(Study *study, const char *path, const char *const *overrides, int n_overrides,
               const MethodList *methods, Arena *arena, Error *err) {
    *study = (Study){0};
    Reader reader = {.path = arena_strdup(arena, path), .methods = methods, .arena = arena, .err = err};
    if (!reader.path)
        return error_memory(err);
    reader.root = experiment_tree(reader.path, overrides, n_overrides, arena, err);
    return reader.root ? read_all(study, &reader) : -1;
}
