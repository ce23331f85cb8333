/* config_rules.h: reads JSON configs by tables of keys, for config_openclip.c and config_hugging_face.c.
 *
 * Each key of an object has a rule: its number is wanted, it must have a certain value, or it is ignored. A
 * key that is absent or null means the default of the library that wrote the file, which the target must hold
 * beforehand.
 */
#ifndef CLIP_CHECKPOINT_CONFIG_RULES_H
#define CLIP_CHECKPOINT_CONFIG_RULES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    RULE_IGNORED, /* does not matter here, or the reader looks at it itself */
    RULE_SIZE,    /* a number from 1 up, or two equal ones, stored in the target's int at `offset` */
    RULE_OFF,     /* must be false; or null, 0, "", [], {} */
    RULE_WORD,    /* must be the text `word` */
    RULE_NUMBER,  /* must be `number`, within a thousandth of it */
    RULE_SMALL,   /* a number above 0 and below 1, stored in the target's float at `offset` */
    RULE_REAL,    /* a number above 0 and at most `number`, stored in the target's double at `offset` */
    RULE_MORE     /* no key, but the end of this table, which goes on with those of `more` */
} RuleKind;

/* A row of a table; one without a name ends it. A name alone is a key that is ignored. */
typedef struct KeyRule {
    const char *name;
    RuleKind kind;
    size_t offset;
    const char *word;
    double number;
    const char *reason; /* why no other value will do */
    const struct KeyRule *more;
} KeyRule;

/* Where in which file an object is, for messages: "PATH: text_cfg.width: ...". */
typedef struct {
    const char *path, *section; /* "" at the top */
    bool strict;                /* a key without a rule is an error, unless config_is_off */
} ConfigPlace;

/* The object in the file `name` beside the weights; caller calls json_decref. *path becomes the file's path,
 * or NULL when there is no such file, which is not an error: then NULL is returned and err left alone. */
json_t *config_open(const char **path, const char *weights, const char *name, Arena *arena, Error *err);

/* The object in the file at `path`. Caller calls json_decref; NULL on failure. */
json_t *config_load(const char *path, Arena *arena, Error *err);

/* Sets "PATH: SECTION.KEY: reason". Returns -1. */
int config_error(const ConfigPlace *place, const char *key, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Applies the rules to every key of an object (NULL or null: nothing to do). */
int config_apply(const ConfigPlace *place, const json_t *object, const KeyRule *rules, void *target,
                 Error *err);

/* Three numbers, such as the mean of pixels; if `positive`, all must be above 0. If the key is absent or
 * null, out stays as it is. */
int config_triple(const ConfigPlace *place, const json_t *object, const char *key, bool positive,
                  float out[3], Error *err);

bool config_is_off(const json_t *value); /* NULL, null, false, 0, "", [], {} */

#endif
