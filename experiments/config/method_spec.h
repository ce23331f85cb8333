/* method_spec.h: what the reader of an experiment file knows of a method: its section, and the struct that
 * the keys fill.
 */
#ifndef EXPERIMENTS_CONFIG_METHOD_SPEC_H
#define EXPERIMENTS_CONFIG_METHOD_SPEC_H

#include "experiments/config/key_spec.h"

typedef enum {
    USES_TRAINING = 1, /* images: its points have shots and seeds */
    USES_OPTIM = 2,    /* the section optim: Point.optim */
    USES_VIEWS = 4,    /* the section augment: Point.views */
    USES_TEXT = 8      /* the tokenizer */
} MethodUse;

/* What the options of every method begin with. A method has those keys that are in its section. */
typedef struct {
    const char *name;   /* label in tables; NULL takes one that says what the method is */
    TextList templates; /* of one ensemble */
    RealList lr;        /* n 0: optim.lr */
    IntList max_epoch;  /* n 0: optim.max_epoch; a value of 0 is `auto` */
} MethodOptions;

/* Groups of keys for these fields. lr and max_epoch take the place of those of optim. */
extern const KeyGroup method_name_key, method_templates_key, method_optim_keys;

typedef struct PointRules PointRules; /* experiments/grid/point.h */

typedef struct {
    SectionSpec section;     /* its name and keys in an experiment file; every key but name is a list */
    size_t options_size;     /* of the struct that the keys fill; it begins with a MethodOptions */
    const char *title;       /* label in tables: "linear probe" */
    int uses;                /* of MethodUse */
    const PointRules *rules; /* how its points are called, where the keys alone do not say it; or NULL */
} MethodSpec;

/* All methods there are, in the order of the help: method_list() of experiments/methods/methods.h. Who reads
 * a file is given it, so that nothing here knows a method. */
typedef struct {
    const MethodSpec *const *specs; /* (n) */
    int n;
} MethodList;

#endif
