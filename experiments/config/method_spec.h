/* method_spec.h: what the reader of an experiment file knows about a method: its section, and the struct that
 * its keys fill in.
 */
#ifndef EXPERIMENTS_CONFIG_METHOD_SPEC_H
#define EXPERIMENTS_CONFIG_METHOD_SPEC_H

#include "experiments/config/key_spec.h"

#include <stdint.h>

typedef enum {
    USES_TRAINING = 1,    /* training images: its points have shots and seeds */
    USES_OPTIM = 2,       /* the section optim: Point.optim */
    USES_VIEWS = 4,       /* the section augment: Point.views */
    USES_TEXT = 8,        /* the tokenizer */
    USES_UNPROJECTED = 16 /* image features before the tower's last layer */
} MethodUse;

/* What the options of every method begin with. Only the keys in a method's section can be given. */
typedef struct {
    const char *name;   /* label in tables; NULL: one that says what the method is */
    TextList templates; /* of one ensemble */
    RealList lr;        /* when empty, optim.lr counts */
    IntList max_epoch;  /* when empty, optim.max_epoch counts; 0 is `auto` */
    uint64_t given;     /* bit i: key i of the section is in the file, its value no default */
} MethodOptions;

/* Groups of keys for these fields. */
extern const KeyGroup method_name_key, method_templates_key, method_optim_keys;

typedef struct PointRules PointRules; /* experiments/grid/point.h */

typedef struct {
    SectionSpec section;     /* its name and keys in an experiment file; every key but name is a list */
    size_t options_size;     /* of the struct that the keys fill; it begins with a MethodOptions */
    const char *title;       /* label in tables: "linear probe" */
    int uses;                /* of MethodUse */
    const PointRules *rules; /* how its points are named where its keys alone do not say it; or NULL */
    /* What `default` stands for in templates for a known dataset; NULL, the field or what it returns: the
     * dataset's own template. */
    const char *(*template)(const char *dataset);
} MethodSpec;

/* All methods there are, in the order of the help: method_list() of experiments/methods/methods.h. The
 * readers take it as an argument, so that nothing in this room knows a particular method. */
typedef struct {
    const MethodSpec *const *specs; /* (n) */
    int n;
} MethodList;

#endif
