/* config_rules.h: JSON configs by tables of keys. For the readers of model_config.h.
 *
 * Each key of an object has a rule: a number that is wanted, a value that it must have, or nothing to us.
 * What is absent or null takes the default that the writing library has, which is what the target holds
 * before.
 */
#ifndef CLIP_CHECKPOINT_CONFIG_RULES_H
#define CLIP_CHECKPOINT_CONFIG_RULES_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum {
    RULE_IGNORED, /* says nothing that matters here, or the reader looks at it itself */
    RULE_SIZE,    /* a number from 1, or two that are equal, into the target's int at `offset` */
    RULE_OFF,     /* must be false; or null, 0, "", [], {} */
    RULE_WORD,    /* must be the text `word` */
    RULE_NUMBER,  /* must be `number`, within a thousandth of it */
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

/* Where in which file an object stands, for messages: "PATH: text_cfg.width: ...". */
typedef struct {
    const char *path, *section; /* "" at the top */
    bool strict;                /* a key without a rule is an error unless it is off */
} ConfigPlace;

/* The file FOLDER OF weights/name as an object; *path is set when it is there. NULL without an error when it
 * is not there. The caller calls json_decref. */
json_t *config_open(const char **path, const char *weights, const char *name, Arena *arena, Error *err);

/* Sets "PATH: SECTION.KEY: reason". Returns -1. */
int config_error(const ConfigPlace *place, const char *key, Error *err, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Applies the rules to every key of an object (NULL or null: nothing to do). */
int config_apply(const ConfigPlace *place, const json_t *object, const KeyRule *rules, void *target,
                 Error *err);

/* Three numbers, such as a mean of pixels; absent or null leaves out as it is. Above 0 if positive. */
int config_triple(const ConfigPlace *place, const json_t *object, const char *key, bool positive,
                  float out[3], Error *err);

bool config_is_off(const json_t *value); /* NULL, null, false, 0, "", [], {} */

#endif
