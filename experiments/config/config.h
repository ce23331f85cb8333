/* config.h: the experiment file, read strictly into a plain struct.
 *
 * The keys, their types, ranges and defaults are one table (config_keys.c), which also prints the help of
 * `coop run`. Whatever is not exactly right is refused with one line: "FILE: line 12: unknown key 'num_shot'
 * in grid (did you mean 'num_shots'?)". A scalar where a list is allowed is a list of one. "~/" in a path is
 * the home folder; other relative paths are relative to the working directory, not to the experiment file.
 */
#ifndef EXPERIMENTS_CONFIG_CONFIG_H
#define EXPERIMENTS_CONFIG_CONFIG_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/model.h"
#include "coop/trainer.h"
#include "datasets/lists/dataset.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

typedef struct {
    int *values;
    int n;
} IntList;

typedef struct {
    double *values;
    int n;
} RealList;

typedef struct {
    const char **values;
    int n;
} TextList;

/* num_shots: k images per class, or one of these. */
enum { SHOTS_ALL = 0, SHOTS_NONE = -1 }; /* the whole training split; a method that does not train */

typedef struct Method Method; /* experiments/methods/method.h */

/* What the options of every method begin with. */
typedef struct {
    const char *name; /* label in tables; NULL takes one that says what the method is */
} MethodOptions;

/* One entry of `methods:`. */
typedef struct {
    const Method *method;
    MethodOptions *options; /* the method's own struct, filled from its keys; every list of it is a dimension
                             * of the grid, save templates, which are one ensemble */
} MethodSpec;

typedef struct Experiment {
    const char *path; /* of the experiment file; for messages */
    const char *name; /* default: the file's name without its suffix */
    const char *output;
    struct {
        const char *weights;
        const char *vocab; /* a path, or NULL: `auto` */
        ClipActivation activation;
        Precision precision;
    } model;
    DatasetSpec dataset;
    struct {
        IntList num_shots; /* k > 0 or SHOTS_ALL */
        IntList seed;
    } grid;
    MethodSpec *methods;
    int n_methods;
    OptimConfig optim; /* max_epoch 0 is `auto` */
    struct {
        int views; /* V random crops per training image; 0 is the centre crop */
    } augment;
    struct {
        bool logits; /* write test_logits.safetensors */
        bool report; /* write report.html */
    } outputs;
    size_t memory_budget;       /* bytes; 0 is `auto`: ask experiment_memory_budget */
    const char *cache;          /* folder of the feature cache; default OUTPUT/cache */
    struct Experiment *targets; /* (n_targets) of `transfer`: this experiment on other datasets (study.h) */
    int n_targets;
} Experiment;

/* Reads an experiment file; overrides are the texts of --set, "optim.lr=0.01", "grid.num_shots=[1, 2]",
 * "methods.0.coop.n_ctx=4" (methods count from 0); a value is YAML. Errors of the file are ERROR_INPUT and
 * begin "PATH: line N:"; those of an override are ERROR_USAGE and begin "--set KEY=VALUE:". Everything is
 * owned by the arena. */
int experiment_read(Experiment *experiment, const char *path, const char *const *overrides, int n_overrides,
                    Arena *arena, Error *err);

/* Its two halves, for a file of several experiments (study.h): the tree with the overrides, NULL on failure;
 * and one experiment from it. */
struct Node *experiment_tree(const char *path, const char *const *overrides, int n_overrides, Arena *arena,
                             Error *err);
int experiment_from_tree(Experiment *experiment, const char *path, const struct Node *root, Arena *arena,
                         Error *err);

/* memory_budget in bytes; `auto` is a quarter of this machine's memory, at most 3 GiB. */
size_t experiment_memory_budget(const Experiment *experiment);

/* What `default` stands for in templates. */
const char *default_template(const DatasetSpec *dataset);

/* E of `auto` (PROTOCOL: 50 for 1 shot, 100 for 2 and 4, 200 for more; always 50 on imagenet). For shot
 * counts between these, those of the next larger one. */
int auto_epochs(const char *dataset_name, int num_shots);

/* Prints every key with type, default and meaning: the second half of `coop run --help`. */
void experiment_help(FILE *out);

#endif
