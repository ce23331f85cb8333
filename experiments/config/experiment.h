/* experiment.h: an experiment as a plain struct. config.h reads it from a file. */
#ifndef EXPERIMENTS_CONFIG_EXPERIMENT_H
#define EXPERIMENTS_CONFIG_EXPERIMENT_H

#include "clip/base/arena.h"
#include "clip/checkpoint/model.h"
#include "coop/trainer.h"
#include "datasets/lists/dataset.h"
#include "experiments/config/lists.h"
#include "experiments/config/method_spec.h"

#include <stdbool.h>
#include <stddef.h>

/* num_shots: k images per class, or one of these. */
enum { SHOTS_ALL = 0, SHOTS_NONE = -1 }; /* the whole training split; a method that does not train */

/* One entry of `methods:`. */
typedef struct {
    const MethodSpec *method;
    MethodOptions *options; /* the method's own struct, filled from its keys; each of its lists is a
                             * dimension of the grid, except templates, which are one ensemble */
} MethodEntry;

typedef struct Experiment {
    const char *path; /* of the experiment file; for messages */
    const char *name; /* default: the file's name without its suffix */
    const char *output;
    struct {
        const char *weights;
        const char *vocab;                     /* a path, or NULL: `auto` */
        const char *weights_here, *vocab_here; /* what this process reads instead; NULL: these */
        const char *stamp_here;                /* then the stamp (clip_stamp) of what it stands for */
        ClipActivation activation;
        int heads; /* of the image tower; 0 is `auto` */
        Precision precision;
    } model;
    DatasetSpec dataset;
    struct {
        IntList num_shots; /* k > 0 or SHOTS_ALL */
        IntList seed;
    } grid;
    MethodEntry *methods;
    int n_methods;
    OptimConfig optim; /* max_epoch 0 is `auto` */
    struct {
        int views; /* V random crops per training image; 0 is the centre crop */
    } augment;
    struct {
        bool logits; /* write test_logits.safetensors */
        bool report; /* write report.html */
    } outputs;
    int parallel;               /* of Parallel */
    size_t memory_budget;       /* bytes; 0 is `auto`: ask experiment_memory_budget */
    int n_sharing;              /* jobs that share it, when there are several; else 0 */
    const char *cache;          /* folder of the feature cache; default OUTPUT/cache */
    struct Experiment *targets; /* (n_targets) of `transfer`: this experiment on other datasets (study.h) */
    int n_targets;
} Experiment;

const char *experiment_weights(const Experiment *experiment); /* to be read, not told */

/* What several ranks share; as choices, in order. */
typedef enum { PARALLEL_AUTO, PARALLEL_POINTS, PARALLEL_CLASSES } Parallel;
#define PARALLELS "auto|points|classes"

/* A job's share of memory_budget in bytes; `auto` is a quarter of the memory that can be had (machine.h), at
 * most 3 GiB. */
size_t experiment_memory_budget(const Experiment *experiment);

/* What `default` stands for in templates. */
const char *default_template(const DatasetSpec *dataset);

/* The epochs of `auto`, as in CoOp's scripts: 50 for 1 shot, 100 for up to 4, 200 for more; always 50 on
 * imagenet. */
int auto_epochs(const char *dataset_name, int num_shots);

/* The dataset: its name, or that of its split file, CSV or folder, with "_base" or "_new"; folder-safe. */
char *experiment_dataset_name(const Experiment *experiment, Arena *arena);

/* The checkpoint's file name without suffix, folder-safe. */
char *experiment_backbone_name(const Experiment *experiment, Arena *arena);

#endif
