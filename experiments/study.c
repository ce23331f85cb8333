/* study.c: see study.h. The tree of the file is changed in place, and read as often as there are experiments.
 */
#include "experiments/study.h"

#include "datasets/catalog.h"
#include "experiments/yaml_tree.h"

#include <string.h>

#define MAX_EXPERIMENTS 1000

/* What is read again and again. */
typedef struct {
    const char *path;
    Node *root;
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
    const Node *name = node_find(given, "name");
    if (!name || name->kind != NODE_SCALAR || !catalog_find(name->text))
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
    return experiment_from_tree(experiment, reader->path, reader->root, reader->arena, reader->err);
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

static bool same_text(const Node *a, const Node *b) {
    return a->kind == NODE_SCALAR && b->kind == NODE_SCALAR && strcmp(a->text, b->text) == 0;
}

static int check_list(const Node *list, const char *section, const char *key, Error *err) {
    if (list->n == 0)
        return node_error(list, err, "%s.%s: an empty list", section, key);
    for (int i = 0; i < list->n; i++)
        for (int j = 0; j < i; j++)
            if (same_text(list->children[i], list->children[j]))
                return node_error(list->children[i], err, "%s.%s: '%.100s' stands there twice", section, key,
                                  list->children[i]->text);
    return 0;
}

/* A key's place in the tree, and what may stand there. A key that is not there leaves one choice. */
typedef struct {
    Node **place, **values;
    int n;
} Choice;

static int find_choice(Choice *choice, const Reader *reader, const char *section, const char *key) {
    choice->place = slot(node_find(reader->root, section), key);
    choice->values = values(choice->place, &choice->n);
    if (!choice->place)
        choice->n = 1;
    bool is_list = choice->place && (*choice->place)->kind == NODE_LIST;
    return is_list ? check_list(*choice->place, section, key, reader->err) : 0;
}

static void choose(const Choice *choice, int index) {
    if (choice->place)
        *choice->place = choice->values[index];
}

static int read_all(Study *study, const Reader *reader) {
    Choice weights, names;
    if (find_choice(&weights, reader, "model", "weights") < 0 ||
        find_choice(&names, reader, "dataset", "name") < 0)
        return -1;
    if ((long)weights.n * names.n > MAX_EXPERIMENTS)
        return error_set(reader->err, "%s: over %d pairs of checkpoint and dataset", reader->path,
                         MAX_EXPERIMENTS);
    study->experiments = ARENA_NEW(reader->arena, Experiment, weights.n * names.n);
    if (arena_failed(reader->arena))
        return error_memory(reader->err);
    for (int i = 0; i < weights.n; i++)
        for (int j = 0; j < names.n; j++) {
            choose(&weights, i);
            choose(&names, j);
            Experiment *experiment = &study->experiments[study->n++];
            if (read_one(experiment, reader) < 0 || read_targets(experiment, reader) < 0)
                return -1;
        }
    return 0;
}

int study_read(Study *study, const char *path, const char *const *overrides, int n_overrides, Arena *arena,
               Error *err) {
    *study = (Study){0};
    Reader reader = {.path = arena_strdup(arena, path), .arena = arena, .err = err};
    if (!reader.path)
        return error_memory(err);
    reader.root = experiment_tree(reader.path, overrides, n_overrides, arena, err);
    return reader.root ? read_all(study, &reader) : -1;
}
