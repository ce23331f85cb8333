/* point.h: one point of a grid: its settings, and in words its canonical text, key, label and folder. */
#ifndef EXPERIMENTS_GRID_POINT_H
#define EXPERIMENTS_GRID_POINT_H

#include "experiments/config/experiment.h"

#include <jansson.h>

typedef struct Point {
    const MethodSpec *method;
    const MethodOptions *options; /* the method's own struct, every list cut down to one value */
    const char *label; /* row of the table: "CoOp M=16 end csc"; all shots and seeds of a variant have one */
    OptimConfig optim; /* of a method that uses it; max_epoch is resolved */
    int views;         /* of a method that uses them: augment.views */
    int num_shots;     /* k, SHOTS_ALL, or SHOTS_NONE (without training) */
    int seed;          /* 0 without training */
    bool logits;       /* write test_logits.safetensors */
    int target;        /* of Experiment.targets, on which it is tested; -1: the experiment's own images */
    const struct Point *learned; /* with a target: the point that learned what is tested there; else NULL */
    const char *folder; /* below the output: "oxford_pets/coop/RN50_16shots/nctx16_cscFalse_ctpend/seed1" */
    const char *config; /* the canonical text: one line of JSON with sorted keys */
    char key[65];       /* its SHA-256 */
} Point;

/* What the files behind the names hold. A NULL stands for "not known": the path as written takes its place
 * (for tests and for looking at a grid without opening anything; the keys are then other ones). */
typedef struct {
    const char *model;   /* clip_digest */
    const char *vocab;   /* tokenizer_digest */
    const char *split;   /* a digest of the dataset's lists */
    Precision precision; /* Clip.precision: what the experiment's choice came to */
} GridDigests;

/* What all points of an experiment share. */
typedef struct {
    const Experiment *experiment;
    GridDigests digests;            /* with paths, made texts, where a digest is not known */
    const char *dataset, *backbone; /* folder-safe names */
    OptimConfig default_optim;      /* of the table of keys: a folder name tells only what differs */
    int default_views;
    bool names; /* names instead of the contents of files, for what shall not change with them */
} PointContext;

/* What a method says of its points when its keys alone do not say it. A NULL takes what they do say. */
struct PointRules {
    /* What does not depend on shots and seed, of the options of one variant: digests of files. */
    int (*resolve)(MethodOptions *options, Arena *arena, Error *err);
    /* A row of the table; entry has all values of the dimensions. Owned by the arena; NULL when memory is
     * out.
     */
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

/* What tells a point's method from others apart from shots and seed; NULL when memory is out. */
char *point_variant_text(const Point *point, const PointContext *context, Arena *arena);

/* The label of a variant; entry has all values of the dimensions. Owned by the arena; NULL when memory is
 * out.
 */
const char *point_label(const Point *variant, const MethodEntry *entry, const PointContext *context,
                        Arena *arena);

/* --- for methods that say more than their keys do --- */

/* The label that follows from the keys: start (or the name that the user has given), then the values of those
 * dimensions that vary or are not the default, but for that of the key `except` (may be NULL). */
const char *options_label(const char *start, const char *except, const Point *variant,
                          const MethodEntry *entry, Arena *arena);

/* The section optim with all that it says: a field for each of its keys. */
json_t *optim_json(const OptimConfig *optim, Arena *arena);

/* Is the training that of the table of keys? */
bool is_default_recipe(const Point *point, const PointContext *context);

/* Is it the one template of the catalogue for this dataset, which a folder need not spell out? */
bool is_default_template(const TextList *templates, const PointContext *context);

/* Eight digits for what a folder's name does not spell out. Contents of files are left out: a folder stays
 * where it is when they change. Owned by the arena. */
char *short_digest(const Point *point, const PointContext *context, Arena *arena);

#endif
