/* grid.h: an experiment expanded into points, each one training (or one evaluation) with one result.
 *
 * Order: methods as in the file; within one the lists of its section, in the order of the help (the last
 * turns fastest); within a variant num_shots, then seed. A point's key is the SHA-256 of a canonical text of
 * everything that its numbers depend on, so a result stays valid when the file is reordered or gets more
 * points, and is redone when a template, a digest or a hyperparameter changes. Not in the key: labels,
 * output, cache, memory_budget, outputs.
 */
#ifndef EXPERIMENTS_GRID_GRID_H
#define EXPERIMENTS_GRID_GRID_H

#include "experiments/config/config.h"
#include "experiments/config/names.h"

typedef struct Point {
    const Method *method;
    const MethodOptions *options; /* the method's own struct, every list cut down to one value */
    const char
        *label; /* row of the table: "CoOp M=16 end csc"; the same for all shots and seeds of one variant */
    OptimConfig optim; /* of a method that uses it; max_epoch is resolved */
    int views;         /* of a method that uses them: augment.views */
    int num_shots;     /* k, SHOTS_ALL, or SHOTS_NONE (without training) */
    int seed;          /* 0 without training */
    bool logits;       /* write test_logits.safetensors */
    int target;        /* of Experiment.targets, on which it is tested; -1: the experiment's own images */
    const struct Point *learned; /* with a target: the point that learned what is tested there; else NULL */
    const char
        *folder; /* relative to the output: "oxford_pets/coop/RN50_16shots/nctx16_cscFalse_ctpend/seed1" */
    const char *config; /* the canonical text: one line of JSON with sorted keys */
    char key[65];       /* its SHA-256 */
} Point;

typedef struct {
    Point *points; /* (n), no two with the same key or folder */
    int n;
} Grid;

/* What the files behind the names hold. A NULL stands for "not known": the path as written takes its place
 * (for tests and for looking at a grid without opening anything; the keys are then other ones). */
typedef struct {
    const char *model;   /* clip_digest */
    const char *vocab;   /* tokenizer_digest */
    const char *split;   /* a digest of the dataset's lists */
    Precision precision; /* Clip.precision: what the experiment's choice came to */
} GridDigests;

/* Owned by the arena. Fails when there are over 100,000 points or a context file
 * cannot be read. */
int grid_expand(Grid *grid, const Experiment *experiment, const GridDigests *digests, Arena *arena,
                Error *err);

/* An experiment file of this point alone, everything resolved: what config.yaml of a run folder holds. `coop
 * run` on it finds the same point (the same key, the same output). Owned by the arena; NULL when memory is
 * out. */
char *point_yaml(const Experiment *experiment, const Point *point, Arena *arena);

#endif
