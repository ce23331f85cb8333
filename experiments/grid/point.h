/* point.h: one point of a grid: its settings, and the texts that name it (canonical text, key, label,
 * folder). */
#ifndef EXPERIMENTS_GRID_POINT_H
#define EXPERIMENTS_GRID_POINT_H

#include "experiments/config/experiment.h"

#include <jansson.h>

typedef struct Point {
    const MethodSpec *method;
    const MethodOptions *options; /* the method's own struct, every list cut down to one value */
    const char *label; /* row of the table: "CoOp M=16 end csc"; all shots and seeds of a variant have one */
    OptimConfig optim; /* for methods that use it; max_epoch is resolved */
    int views;         /* for methods that use them: augment.views */
    int num_shots;     /* k, SHOTS_ALL, or SHOTS_NONE (without training) */
    int seed;          /* 0 without training */
    bool logits;       /* write test_logits.safetensors */
    int target; /* index of the Experiment.targets that it is tested on; -1: the experiment's own images */
    const struct Point *learned; /* with a target: the point that learned what is tested there; else NULL */
    const char *folder; /* below the output: "oxford_pets/coop/RN50_16shots/nctx16_cscFalse_ctpend/seed1" */
    const char *config; /* the canonical text: one line of JSON with sorted keys */
    char key[65];       /* its SHA-256 */
} Point;

/* Digests of the files behind the names. NULL means not known: the path as written takes its place, which
 * gives other keys (for tests, and for looking at a grid without opening anything). */
typedef struct {
    const char *model;   /* clip_digest */
    const char *vocab;   /* tokenizer_digest */
    const char *split;   /* a digest of the dataset's lists */
    Precision precision; /* Clip.precision: what the experiment's choice means here */
} GridDigests;

/* What all points of an experiment share. */
typedef struct {
    const Experiment *experiment;
    GridDigests digests;            /* with texts made of paths where a digest is not known */
    const char *dataset, *backbone; /* folder-safe names */
    OptimConfig default_optim;      /* from the table of keys: a folder's name tells only what differs */
    int default_views;
    bool names; /* name files instead of digesting them, for texts that must not change with their contents */
} PointContext;

/* What a method says about its points where its keys alone do not. NULL: what follows from the keys. */
struct PointRules {
    /* Completes the options of one variant by what does not depend on shots and seed: digests of files. */
    int (*resolve)(MethodOptions *options, Arena *arena, Error *err);
    /* Puts the values of its authors' recipe in the place of those of the section optim, which the method's
     * own keys may replace again. */
    void (*recipe)(OptimConfig *optim, const MethodOptions *options, const char *dataset);
    /* The label of a row; entry has all values of the dimensions. Owned by the arena; NULL when memory is
     * out. */
    const char *(*label)(const Point *variant, const MethodEntry *entry, const PointContext *context,
                         Arena *arena);
    /* The canonical text: all that its numbers depend on, apart from shots, seed, model and dataset. */
    json_t *(*json)(const Point *point, const PointContext *context, Arena *arena);
    /* The folder below that of the shots. Owned by the arena; NULL when memory is out. */
    const char *(*leaf)(const Point *point, const PointContext *context, Arena *arena);
};

int point_context(PointContext *context, const Experiment *experiment, const GridDigests *digests,
                  Arena *arena, Error *err);

/* Fills config, key and folder from the rest. */
int point_describe(Point *point, const PointContext *context, Arena *arena, Error *err);

/* The canonical text of a point's method, without shots and seed: two variants differ in it. NULL when memory
 * is out. */
char *point_variant_text(const Point *point, const PointContext *context, Arena *arena);

/* The label of a variant; entry has all values of the dimensions. Owned by the arena; NULL when memory is
 * out. */
const char *point_label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                        Arena *arena);

/* --- for methods that say more than their keys do --- */

/* The label that follows from the keys: start (or the name that the user gave), then the values of the
 * dimensions that vary or differ from the default, except that of the key `except` (may be NULL). */
const char *options_label(const char *start, const char *except, const Point *variant,
                          const MethodEntry *entry, Arena *arena);

/* The canonical text that follows from the keys, as JSON; NULL when memory is out. */
json_t *options_json(const Point *point, const PointContext *context, Arena *arena);

/* The field of a key of the section optim, which has one. */
void *optim_field(const KeySpec *key, const OptimConfig *optim);

/* Whether a point tells the value of such a key: of one that came later (KEY_LATER), no default. */
bool optim_tells(const KeySpec *key, const OptimConfig *optim, Arena *arena);

/* The section optim: a field for each of the keys that are told. */
json_t *optim_json(const OptimConfig *optim, Arena *arena);

/* Whether optim and views are the defaults of the table of keys. */
bool is_default_recipe(const Point *point, const PointContext *context);

/* Whether there is one template, that of the catalogue for this dataset; a folder's name need not tell it. */
bool is_default_template(const TextList *templates, const PointContext *context);

/* Eight digits for what a folder's name does not spell out. The contents of files do not matter, so a folder
 * stays where it is when they change. Owned by the arena. */
char *short_digest(const Point *point, const PointContext *context, Arena *arena);

#endif
