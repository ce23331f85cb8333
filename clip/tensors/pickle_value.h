/* pickle_value.h: what a Python pickle holds, as plain values: a call is an object that remembers what was
 * called, and with which arguments.
 */
#ifndef CLIP_TENSORS_PICKLE_VALUE_H
#define CLIP_TENSORS_PICKLE_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum {
    PICKLE_UNSET, /* no value */
    PICKLE_NONE,
    PICKLE_BOOL,       /* integer: 0 or 1 */
    PICKLE_INT,        /* integer */
    PICKLE_FLOAT,      /* real */
    PICKLE_TEXT,       /* text (size): said to be UTF-8, but not checked; no NUL at its end */
    PICKLE_BYTES,      /* text (size) */
    PICKLE_TUPLE,      /* items */
    PICKLE_LIST,       /* items */
    PICKLE_DICT,       /* items: key, value, key, value, ... */
    PICKLE_GLOBAL,     /* items: module and name, both texts */
    PICKLE_PERSISTENT, /* items: one value, which names something outside the pickle */
    PICKLE_OBJECT      /* object */
} PickleType;

typedef struct PickleItems PickleItems;
typedef struct PickleObject PickleObject;

typedef struct {
    PickleType type;
    uint32_t size;
    union {
        int64_t integer;
        double real;
        const char *text;     /* borrowed from the bytes of the pickle */
        PickleItems *items;   /* owned by the arena */
        PickleObject *object; /* owned by the arena */
    };
} PickleValue;

struct PickleItems {
    PickleValue *at; /* (n), room for `room` */
    uint32_t n, room;
};

struct PickleObject {
    PickleValue callable;  /* a global or an object: OrderedDict, say, or a class */
    PickleValue arguments; /* a tuple */
    PickleValue state;     /* from the last BUILD; PICKLE_UNSET without one */
    PickleItems pairs;     /* key, value, ... set as in a dict; what is appended as to a list is dropped */
};

bool pickle_is_text(const PickleValue *value, const char *text);
bool pickle_is_global(const PickleValue *value, const char *module, const char *name);
/* How many bytes of a text to show in an error, for printf's %.*s. */
int pickle_shown(const PickleValue *text);
/* The pairs of a dict or an object; NULL for anything else. */
const PickleItems *pickle_pairs(const PickleValue *value);
/* The last value under the key; NULL when there is none. */
const PickleValue *pickle_get(const PickleItems *pairs, const char *key);

#endif
