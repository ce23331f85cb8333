/* pretrain_config.h: what `coop pretrain` is to do, as a plain struct read from a file.
 *
 * Names, meanings and defaults are OpenCLIP's (open_clip_train/params.py). The keys are one table
 * (pretrain_keys.c); pretrain_read.h reads them.
 */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_CONFIG_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_CONFIG_H

#include "clip/checkpoint/activations.h"
#include "clip/math/precision.h"
#include "datasets/lists/dataset.h"
#include "experiments/config/lists.h"
#include "experiments/config/yaml_tree.h"

#include <stdbool.h>

typedef enum { PAIRS_ABSENT, PAIRS_TABLE, PAIRS_SHARDS, PAIRS_LABELLED } PairKind;

/* Where pairs come from: data.train or data.val; or the images and classes of data.zeroshot. */
typedef struct {
    PairKind kind;
    const char *section;                                   /* "data.train" */
    const Node *node;                                      /* its place in the file */
    const char *csv, *separator, *image_key, *caption_key; /* TABLE */
    const char *root;                                      /* TABLE; NULL: the folder of the file */
    const char *webdataset;                                /* SHARDS */
    DatasetSpec dataset;                                   /* LABELLED */
    TextList templates;
} PairSpec;

enum { PRETRAIN_MOST_PARTS = 4096 };

typedef enum { OPTIM_ADAMW, OPTIM_SGD } PretrainOptimizer;
typedef enum { LR_COSINE, LR_CONST, LR_CONST_COOLDOWN } LrScheduler;

typedef struct {
    PretrainOptimizer name;
    double lr;
    double beta1, beta2, eps; /* beta2 and eps 0: those of the kind of image tower */
    double momentum, weight_decay;
    int warmup; /* steps */
    LrScheduler lr_scheduler;
    int epochs, epochs_cooldown;
    double lr_cooldown_end, lr_cooldown_power;
    int batch_size, accum_freq;
    int parts;             /* of the accum_freq batches, a multiple of it; shared_step.h */
    double grad_clip_norm; /* 0: none */
} PretrainOptim;

typedef struct {
    const char *path; /* of the file, for messages */
    const char *name, *output;
    struct {
        const char *config, *weights; /* one of them */
        const char *vocab;            /* NULL: beside it */
        ClipActivation activation;    /* of weights */
        int heads;                    /* of weights; 0: as the checkpoint says */
        Precision precision;
    } model;
    PairSpec train, val, zeroshot;
    PretrainOptim optim;
    struct {
        bool random; /* false: the test transform */
        RealList scale;
    } augment;
    struct {
        bool image, text;
        int image_unlocked_groups;
    } lock;
    bool shuffle;
    int seed;
    int zeroshot_frequency, val_frequency; /* epochs; 0: never */
    int save_frequency, save_most_recent;  /* checkpoints.h */
    int state_seconds;                     /* between states; 0: after each step */
    size_t memory_budget;                  /* 0: auto */
} PretrainConfig;

#endif
