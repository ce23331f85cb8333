/* config_training.h: what a config of OpenCLIP says that matters only when its model is trained: how new
 * weights are drawn, and what a training would do.
 */
#ifndef CLIP_CHECKPOINT_CONFIG_TRAINING_H
#define CLIP_CHECKPOINT_CONFIG_TRAINING_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/checkpoint/config_types.h"

typedef struct {
    int mlp_width;
    double layer_scale; /* the gain of a new model's branches; 0: none has one */
} NewTower;

/* A model without weights: every size is filled in and fits the others. */
typedef struct {
    ModelConfig model;
    NewTower text, image;
    double logit_scale; /* a logarithm */
} NewModel;

/* The file at `path`, either one of OpenCLIP's model_configs or an open_clip_config.json. Texts are owned by
 * the arena. */
int config_read_new(NewModel *model, const char *path, Arena *arena, Error *err);

/* Refuses the config at `path` if it asks of a training what is not done here. */
int config_check_training(const char *path, Arena *arena, Error *err);

#endif
