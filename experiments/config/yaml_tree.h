/* yaml_tree.h: a YAML document as a tree of nodes that know their lines, and changes to it from the command
 * line.
 *
 * libyaml's events become nodes; what libyaml accepts and we do not is refused here: an empty file, a second
 * document, duplicate keys, anchors and aliases (so no alias bomb), tags, keys that are not plain text,
 * UTF-16, control characters in a value (but for a tab alone), nesting deeper than 64.
 */
#ifndef EXPERIMENTS_CONFIG_YAML_TREE_H
#define EXPERIMENTS_CONFIG_YAML_TREE_H

#include "clip/base/arena.h"
#include "clip/base/buffer.h"
#include "clip/base/error.h"

#include <stdbool.h>

typedef enum { NODE_SCALAR, NODE_LIST, NODE_MAP } NodeKind;

/* Everything is owned by the arena of the tree. */
typedef struct Node {
    NodeKind kind;
    const char *place; /* the file, or "--set KEY=VALUE" */
    int line;          /* from 1; 0 for --set */
    const char *text;  /* scalar; never NULL */
    bool quoted;       /* scalar: written in quotes or as a block, so it is a text whatever it looks like */
    int n;             /* entries of a list or map */
    int capacity;
    struct Node **children; /* (n) */
    struct Node **keys;     /* map: (n) scalars */
} Node;

/* The one document of an experiment file; NULL with "FILE: line N: reason". */
Node *yaml_read(const char *path, Arena *arena, Error *err);

/* The same for a text in memory; place is what errors begin with, with_lines whether they name lines. */
Node *yaml_parse(const char *text, size_t size, const char *place, bool with_lines, Arena *arena, Error *err);

/* Applies "a.b.2.c=VALUE": maps along the way are created, list entries (from 0) must exist. The new nodes
 * have "--set a.b.2.c=VALUE" as their place, so later messages name it. Errors are ERROR_USAGE. */
int node_set(Node *root, const char *assignment, Arena *arena, Error *err);

Node *node_find(const Node *map, const char *key); /* NULL when absent, or when map is not a map */
bool node_is_empty(const Node *node);              /* nothing after the colon, or `~` or `null` */

/* "PLACE: line N: ...": ERROR_INPUT, or ERROR_USAGE when the node comes from --set. Returns -1. */
int node_error(const Node *node, Error *err, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Appends a text without control characters as a scalar, in double quotes. */
void yaml_write_text(Buffer *out, const char *text);

#endif
