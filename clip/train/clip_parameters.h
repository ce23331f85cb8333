/* clip_parameters.h: which parameters a CLIP has, in the order of OpenCLIP's state_dict. */
#ifndef CLIP_TRAIN_CLIP_PARAMETERS_H
#define CLIP_TRAIN_CLIP_PARAMETERS_H

#include "clip/checkpoint/config_types.h"
#include "clip/train/parameters.h"

/* What a TowerConfig does not say of a transformer. */
typedef struct {
    int mlp_width;
    bool layer_scale;
} BlockShape;

/* Adds all of them, zero; without n_layers the image tower is a ResNet. Check arena_failed. */
void clip_parameters_add(Parameters *parameters, const TowerConfig *text, const TowerConfig *image,
                         int embed_dim, BlockShape text_block, BlockShape image_block);

#endif
