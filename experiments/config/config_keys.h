/* config_keys.h: every key of an experiment file in one table, and how one value is read.
 *
 * A new key is one row of config_keys.c and one field of a struct in config.h; checking, defaults,
 * suggestions and help follow from the row.
 */
#ifndef EXPERIMENTS_CONFIG_CONFIG_KEYS_H
#define EXPERIMENTS_CONFIG_CONFIG_KEYS_H

#include "experiments/config/config.h"
#include "experiments/config/yaml_tree.h"

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
    KEY_ABOVE = 4,      /* low excluded */
    KEY_BELOW = 8,      /* high excluded */
    KEY_EACH = 16,      /* a list stands for an experiment each: study.h */
    KEY_TEMPLATES = 32, /* a list of a method that is one ensemble: default, ensemble, texts and files */
    KEY_OPTIM = 64,     /* a list of a method; its values take the place of the key of optim with that name */
} KeyFlags;

#define KEY_NOWHERE ((size_t)-1)

typedef struct {
    const char *name;
    KeyType type;
    int flags;
    size_t
        offset; /* of the field in Experiment, or in the options of a method; KEY_NOWHERE is only checked */
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

/* Gives the fields of the section their defaults, save those that the map (may be NULL) has keys for. */
int section_defaults(const SectionSpec *section, const Node *map, void *base, Arena *arena, Error *err);

/* Of a list: how many values it has, and its value i as IntList.values[i] and so on. */
size_t key_size(const KeySpec *key); /* bytes of one value of a list */
int key_count(const KeySpec *key, const void *base);
const void *key_value(const KeySpec *key, const void *base, int i);
/* Leaves but value i of a list. */
void key_cut(const KeySpec *key, void *base, int i);

/* Reads a value into the field of its key at base + offset. section names the place in messages. */
int key_read(const KeySpec *key, const char *section, const Node *node, void *base, Arena *arena, Error *err);

/* A value of a list as an experiment file has it, a text without quotes: "3", "auto", "0.002", "true", "end".
 * Owned by the arena; NULL when memory is out. */
const char *key_value_text(const KeySpec *key, const void *value, Arena *arena);

/* The shortest decimal that reads back as the same number. */
void real_text(char out[40], double number);

/* "int or list", "end, middle or front, or list": what a key takes, into out. */
void key_type_text(const KeySpec *key, char *out, size_t size);

#endif
