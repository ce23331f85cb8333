/* yaml_tree.c: see yaml_tree.h.
 *
 * Only libyaml's event parser is used: its document loader follows aliases and forgets lines. One recursive
 * function per kind of node turns events into the tree; the depth limit bounds the recursion.
 */
#include "experiments/config/yaml_tree.h"

#include "clip/base/files.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 64
#define MAX_BYTES (1 << 20) /* of a file */
#define MAX_KEYS 1000       /* of one map: the search for duplicates is quadratic */
#define MAX_ENTRIES 100000  /* of one list */
#define MAX_TEXT 4096       /* bytes of one value */

typedef struct {
    yaml_parser_t yaml;
    const char *place;
    bool with_lines;
    Arena *arena;
    Error *err;
} Reader;

int node_error(const Node *node, Error *err, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (node->line == 0)
        return error_usage(err, "%s: %s", node->place, text);
    return error_set(err, "%s: line %d: %s", node->place, node->line, text);
}

/* An error where there is no node yet. */
static int reader_error(Reader *reader, yaml_mark_t mark, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static int reader_error(Reader *reader, yaml_mark_t mark, const char *format, ...) {
    char text[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    Node at = {.place = reader->place, .line = reader->with_lines ? (int)mark.line + 1 : 0};
    return node_error(&at, reader->err, "%s", text);
}

/* What libyaml itself complains about. */
static int yaml_error(Reader *reader) {
    const yaml_parser_t *yaml = &reader->yaml;
    const char *problem = yaml->problem ? yaml->problem : "cannot be read";
    if (yaml->error == YAML_MEMORY_ERROR)
        return error_memory(reader->err);
    if (yaml->error == YAML_READER_ERROR) {
        yaml_mark_t mark = yaml->mark;
        return reader_error(reader, mark, "not YAML: %s (byte %zu)", problem, yaml->problem_offset);
    }
    if (yaml->context)
        return reader_error(reader, yaml->problem_mark, "not YAML: %s (%s)", problem, yaml->context);
    return reader_error(reader, yaml->problem_mark, "not YAML: %s", problem);
}

static int next_event(Reader *reader, yaml_event_t *event) {
    return yaml_parser_parse(&reader->yaml, event) ? 0 : yaml_error(reader);
}

/* YAML's escapes can put anything into a text; here texts become paths, prompts and lines of output. (A lone
 * tab is let through for the keys that take one: KEY_TAB.) */
static bool has_control_character(const unsigned char *text, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f)
            return true;
        if (text[i] == 0xc2 && i + 1 < size && text[i + 1] < 0xa0) /* U+0080 .. U+009F */
            return true;
        if (i + 2 < size && text[i] == 0xe2 && text[i + 1] == 0x80 &&
            (text[i + 2] | 1) == 0xa9) /* U+2028, 2029 */
            return true;
        if (i + 2 < size && text[i] == 0xef && text[i + 1] == 0xbb && text[i + 2] == 0xbf) /* U+FEFF */
            return true;
    }
    return false;
}

static Node *new_node(Reader *reader, NodeKind kind, yaml_mark_t mark) {
    Node *node = ARENA_NEW(reader->arena, Node, 1);
    if (!node) {
        error_memory(reader->err);
        return NULL;
    }
    node->kind = kind;
    node->place = reader->place;
    node->line = reader->with_lines ? (int)mark.line + 1 : 0;
    return node;
}

static Node *read_scalar(Reader *reader, const yaml_event_t *event) {
    const unsigned char *text = event->data.scalar.value;
    size_t size = event->data.scalar.length;
    if (size > MAX_TEXT) {
        reader_error(reader, event->start_mark, "a value of over %d bytes", MAX_TEXT);
        return NULL;
    }
    if (has_control_character(text, size) && !(size == 1 && *text == '\t')) {
        reader_error(reader, event->start_mark, "a line break or control character inside a value");
        return NULL;
    }
    Node *node = new_node(reader, NODE_SCALAR, event->start_mark);
    if (!node)
        return NULL;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->text = arena_strdup(reader->arena, (const char *)text);
    if (!node->text) {
        error_memory(reader->err);
        return NULL;
    }
    return node;
}

/* Makes room for one more entry of a list or map. */
static int grow(Node *node, Arena *arena, Error *err) {
    if (node->n < node->capacity)
        return 0;
    int capacity = node->capacity ? 2 * node->capacity : 8;
    Node **children = ARENA_NEW(arena, Node *, capacity);
    Node **keys = node->kind == NODE_MAP ? ARENA_NEW(arena, Node *, capacity) : NULL;
    if (arena_failed(arena))
        return error_memory(err);
    if (node->n > 0) {
        memcpy(children, node->children, (size_t)node->n * sizeof *children);
        if (keys)
            memcpy(keys, node->keys, (size_t)node->n * sizeof *keys);
    }
    node->children = children;
    node->keys = keys;
    node->capacity = capacity;
    return 0;
}

static int check_key(const Node *map, const Node *key, Error *err) {
    if (map->n >= MAX_KEYS)
        return node_error(key, err, "over %d keys in one map", MAX_KEYS);
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key->text) == 0)
            return map->keys[i]->line > 0 ? node_error(key, err, "key '%s' appears twice (first on line %d)",
                                                       key->text, map->keys[i]->line)
                                          : node_error(key, err, "key '%s' appears twice", key->text);
    return 0;
}

static Node *read_node(Reader *reader, yaml_event_t *event, int depth);

/* Entries up to the end event of a list or map. */
static Node *read_collection(Reader *reader, NodeKind kind, yaml_mark_t mark, int depth) {
    Node *node = new_node(reader, kind, mark);
    if (!node)
        return NULL;
    for (;;) {
        yaml_event_t event;
        if (next_event(reader, &event))
            return NULL;
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return node;
        }
        yaml_mark_t at = event.start_mark;
        Node *entry = read_node(reader, &event, depth + 1);
        if (!entry || grow(node, reader->arena, reader->err) < 0)
            return NULL;
        if (kind == NODE_MAP) {
            if (entry->kind != NODE_SCALAR) {
                reader_error(reader, at, "a key must be a plain word");
                return NULL;
            }
            if (check_key(node, entry, reader->err) < 0)
                return NULL;
            node->keys[node->n] = entry;
            if (next_event(reader, &event) || !(entry = read_node(reader, &event, depth + 1)))
                return NULL;
        } else if (node->n >= MAX_ENTRIES) {
            reader_error(reader, at, "over %d entries in one list", MAX_ENTRIES);
            return NULL;
        }
        node->children[node->n++] = entry;
    }
}

static bool has_property(const yaml_event_t *event) {
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor || event->data.scalar.tag;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor || event->data.sequence_start.tag;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor || event->data.mapping_start.tag;
    default:
        return false;
    }
}

/* Takes the event over. */
static Node *read_node(Reader *reader, yaml_event_t *event, int depth) {
    yaml_mark_t mark = event->start_mark;
    yaml_event_type_t type = event->type;
    Node *node = NULL;
    if (type == YAML_ALIAS_EVENT)
        reader_error(reader, mark, "alias '*%s': anchors and aliases are not supported; write the value out",
                     (const char *)event->data.alias.anchor);
    else if (has_property(event))
        reader_error(reader, mark, "anchors ('&') and tags ('!') are not supported");
    else if (depth > MAX_DEPTH)
        reader_error(reader, mark, "nested deeper than %d", MAX_DEPTH);
    else if (type == YAML_SCALAR_EVENT)
        node = read_scalar(reader, event);
    else if (type == YAML_SEQUENCE_START_EVENT || type == YAML_MAPPING_START_EVENT) {
        yaml_event_delete(event);
        return read_collection(reader, type == YAML_SEQUENCE_START_EVENT ? NODE_LIST : NODE_MAP, mark, depth);
    }
    yaml_event_delete(event);
    return node;
}

/* stream start, document start, the node, document end, stream end. */
static Node *read_document(Reader *reader) {
    yaml_event_t event;
    for (int i = 0; i < 2; i++) {
        if (next_event(reader, &event))
            return NULL;
        yaml_event_type_t type = event.type;
        yaml_event_delete(&event);
        if (type == YAML_STREAM_END_EVENT) {
            error_set(reader->err, "%s: is empty", reader->place);
            return NULL;
        }
    }
    if (next_event(reader, &event))
        return NULL;
    Node *root = read_node(reader, &event, 1);
    if (!root)
        return NULL;
    for (int i = 0; i < 2; i++) {
        if (next_event(reader, &event))
            return NULL;
        yaml_event_type_t type = event.type;
        yaml_mark_t mark = event.start_mark;
        yaml_event_delete(&event);
        if (type == YAML_DOCUMENT_START_EVENT) {
            reader_error(reader, mark, "a second document; an experiment file holds one");
            return NULL;
        }
    }
    return root;
}

Node *yaml_parse(const char *text, size_t size, const char *place, bool with_lines, Arena *arena,
                 Error *err) {
    Reader reader = {.place = place, .with_lines = with_lines, .arena = arena, .err = err};
    const unsigned char *bytes = (const unsigned char *)text;
    bool utf16 =
        size >= 2 && ((bytes[0] == 0xff && bytes[1] == 0xfe) || (bytes[0] == 0xfe && bytes[1] == 0xff));
    if (utf16 || (size >= 2 && (bytes[0] == 0 || bytes[1] == 0))) {
        error_set(err, "%s: line 1: is UTF-16; save it as UTF-8", place);
        return NULL;
    }
    if (size >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0) {
        bytes += 3;
        size -= 3;
    }
    if (!yaml_parser_initialize(&reader.yaml)) {
        error_memory(err);
        return NULL;
    }
    yaml_parser_set_encoding(&reader.yaml, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.yaml, bytes, size);
    Node *root = read_document(&reader);
    yaml_parser_delete(&reader.yaml);
    return root;
}

Node *yaml_read(const char *path, Arena *arena, Error *err) {
    size_t size;
    char *text = file_read(path, MAX_BYTES, arena, &size, err);
    return text ? yaml_parse(text, size, path, true, arena, err) : NULL;
}

Node *node_find(const Node *map, const char *key) {
    if (!map || map->kind != NODE_MAP)
        return NULL;
    for (int i = 0; i < map->n; i++)
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->children[i];
    return NULL;
}

bool node_is_empty(const Node *node) {
    return node->kind == NODE_SCALAR && !node->quoted &&
           (node->text[0] == '\0' || strcmp(node->text, "~") == 0 || strcmp(node->text, "null") == 0);
}

/* --- --set --- */

static Node *set_node(NodeKind kind, const char *text, const char *place, Arena *arena) {
    Node *node = ARENA_NEW(arena, Node, 1);
    if (node) {
        node->kind = kind;
        node->place = place;
        node->text = text;
    }
    return node;
}

/* The place in `parent` that `part` names: an entry of a list, a key of a map (added when absent). */
static Node **set_slot(Node *parent, const char *part, const char *place, Arena *arena, Error *err) {
    if (parent->kind == NODE_LIST) {
        char *end;
        long index = strtol(part, &end, 10);
        if (*end != '\0' || end == part || index < 0 || index >= parent->n) {
            error_usage(err, "%s: '%s' is no entry of a list of %d (they count from 0)", place, part,
                        parent->n);
            return NULL;
        }
        return &parent->children[index];
    }
    for (int i = 0; i < parent->n; i++)
        if (strcmp(parent->keys[i]->text, part) == 0)
            return &parent->children[i];
    Node *key = set_node(NODE_SCALAR, part, place, arena);
    if (!key || grow(parent, arena, err) < 0) {
        error_memory(err);
        return NULL;
    }
    parent->keys[parent->n] = key;
    parent->children[parent->n] = NULL;
    return &parent->children[parent->n++];
}

int node_set(Node *root, const char *assignment, Arena *arena, Error *err) {
    const char *equals = strchr(assignment, '=');
    char *place = arena_printf(arena, "--set %.200s", assignment);
    char *path = equals ? arena_printf(arena, "%.*s", (int)(equals - assignment), assignment) : NULL;
    if (arena_failed(arena))
        return error_memory(err);
    if (!equals || equals == assignment)
        return error_usage(err, "%s: is not of the form KEY=VALUE", place);
    if (root->kind != NODE_MAP)
        return error_usage(err, "%s: the experiment file is not a map of keys", place);
    Node *value = equals[1] ? yaml_parse(equals + 1, strlen(equals + 1), place, false, arena, err)
                            : set_node(NODE_SCALAR, "", place, arena);
    if (!value) {
        if (err && err->kind != ERROR_RUN)
            err->kind = ERROR_USAGE;
        return arena_failed(arena) ? error_memory(err) : -1;
    }
    if (!equals[1])
        value->quoted = true; /* KEY= means the empty text */

    Node *parent = root;
    for (char *part = path, *dot; part; part = dot) {
        dot = strchr(part, '.');
        if (dot)
            *dot++ = '\0';
        if (*part == '\0')
            return error_usage(err, "%s: an empty part between dots in the key", place);
        Node **slot = set_slot(parent, part, place, arena, err);
        if (!slot)
            return -1;
        if (!dot) {
            *slot = value;
            return 0;
        }
        if (!*slot || node_is_empty(*slot))
            *slot = set_node(NODE_MAP, NULL, place, arena);
        if (!*slot)
            return error_memory(err);
        if ((*slot)->kind == NODE_SCALAR)
            return error_usage(err, "%s: '%s' holds a value, not keys", place, part);
        parent = *slot;
    }
    return 0;
}

void yaml_write_text(Buffer *out, const char *text) {
    buffer_putc(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buffer_putc(out, '\\');
        buffer_putc(out, *text);
    }
    buffer_putc(out, '"');
}
