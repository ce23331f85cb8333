/* key_spec.h: what a key of an experiment file is: a row of a table, and the field that it fills. */
#ifndef EXPERIMENTS_CONFIG_KEY_SPEC_H
#define EXPERIMENTS_CONFIG_KEY_SPEC_H

#include "experiments/config/lists.h"

#include <stdbool.h>
#include <stddef.h>

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
    KEY_EACH = 16,      /* each entry of a list is an experiment of its own: study.h */
    KEY_TEMPLATES = 32, /* a list of a method that is one ensemble: default, ensemble, texts and files */
    KEY_OPTIM = 64,     /* a list of a method whose values replace the key of optim with that name */
    KEY_COLUMN = 128,   /* has a column in results.csv */
    KEY_TAB = 256,      /* of KEY_TEXT: may be a tab */
    KEY_LATER = 512 /* of optim: came when results were there already, whose keys stay as they are: a point
                     * does not tell it where it is the default */
} KeyFlags;

typedef struct {
    const char *name;
    KeyType type;
    int flags;
    size_t offset;        /* of the field in Experiment, or in the options of a method */
    double low, high;     /* of numbers */
    const char *word;     /* "auto", "all": an allowed word that is stored as 0 or NULL */
    const char *choices;  /* "end|middle|front"; of KEY_TEXT and KEY_CHOICE */
    const char *fallback; /* YAML text of the default; NULL leaves the field zero */
    const char *help;
} KeySpec;

/* Rows that stand together; sections may share a group. */
typedef struct {
    const KeySpec *keys; /* (n) */
    int n;
} KeyGroup;

/* The group of all rows of an array. */
#define KEY_GROUP(array)                                                                                     \
    { (array), (int)(sizeof(array) / sizeof((array)[0])) }

enum { SECTION_MAX_GROUPS = 6 };

typedef struct {
    const char *name;                           /* "" is the top level */
    const char *help;                           /* NULL: none */
    const KeyGroup *groups[SECTION_MAX_GROUPS]; /* in the order of the help; NULL after the last */
} SectionSpec;

const KeySpec *section_key_at(const SectionSpec *section, int index);     /* in order; NULL past the end */
const KeySpec *section_key(const SectionSpec *section, const char *name); /* NULL when unknown */

/* The list of a key in the struct at base: the number of its values, value i, and another list in its place.
 */
int key_count(const KeySpec *key, const void *base);
const void *key_value(const KeySpec *key, const void *base, int i);
void key_set(const KeySpec *key, void *base, void *values, int n);
void key_cut(const KeySpec *key, void *base, int i); /* drops all but value i */

/* Bytes of one value of a list, or of the field of a key without one. */
size_t key_size(const KeySpec *key);

/* A value of KEY_BOOL, which is an int in a list, else a bool. */
bool key_truth(const KeySpec *key, const void *value);
/* Whether two values of a key are the same. */
bool key_equal(const KeySpec *key, const void *a, const void *b);

/* "integer, list", "end|middle|front, list": what a key takes, into out, which KEY_TYPE_TEXT bytes hold. */
enum { KEY_TYPE_TEXT = 128 };
void key_type_text(const KeySpec *key, char *out, size_t size);

#endif
