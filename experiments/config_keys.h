/* config_keys.h: every key of an experiment file in one table, and how one value is read.
 *
 * A new key is one row of config_keys.c and one field of a struct in config.h; checking, defaults,
 * suggestions and help follow from the row.
 */
#ifndef EXPERIMENTS_CONFIG_KEYS_H
#define EXPERIMENTS_CONFIG_KEYS_H

#include "experiments/config.h"
#include "experiments/yaml_tree.h"

typedef enum {
    KEY_TEXT,    /* const char * (TextList) */
    KEY_PATH,    /* the same, "~/" expanded */
    KEY_INT,     /* int (IntList) */
    KEY_REAL,    /* double (RealList) */
    KEY_BOOL,    /* bool (IntList) */
    KEY_CHOICE,  /* an enum whose values are the choices in order (IntList) */
    KEY_BYTES,   /* size_t: "4GiB" */
    KEY_SECTION, /* a map: the section of that name */
    KEY_METHODS, /* the list of methods */
    KEY_TARGETS  /* the list of datasets to transfer to */
} KeyType;

typedef enum {
    KEY_LIST = 1,
    KEY_REQUIRED = 2,
    KEY_ABOVE = 4, /* low excluded */
    KEY_BELOW = 8, /* high excluded */
    KEY_EACH = 16  /* a list stands for an experiment each: study.h */
} KeyFlags;

#define KEY_NOWHERE ((size_t)-1)

typedef struct {
    const char *name;
    KeyType type;
    int flags;
    size_t
        offset; /* of the field in Experiment, or in MethodSpec for a method; KEY_NOWHERE is only checked */
    double low, high;     /* of numbers */
    const char *word;     /* "auto", "all": an allowed word that is stored as 0 or NULL */
    const char *choices;  /* "end|middle|front"; of KEY_TEXT and KEY_CHOICE */
    const char *fallback; /* YAML text of the default; NULL leaves the field zero */
    const char *help;
} KeySpec;

typedef struct {
    const char *name; /* "" is the top level */
    const KeySpec *keys;
    int n_keys;
    const char *help;
} SectionSpec;

const SectionSpec *section_at(int index);          /* in order of the help; NULL past the end */
const SectionSpec *section_find(const char *name); /* NULL when unknown */
const KeySpec *section_key(const SectionSpec *section, const char *name); /* NULL when unknown */

/* Reads a value into the field of its key at base + offset. section names the place in messages. */
int key_read(const KeySpec *key, const char *section, const Node *node, void *base, Arena *arena, Error *err);

/* "int or list", "end, middle or front, or list": what a key takes, into out. */
void key_type_text(const KeySpec *key, char *out, size_t size);

#endif
