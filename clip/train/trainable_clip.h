/* trainable_clip.h: a CLIP whose weights change: read from any checkpoint, or made from a config, and saved.
 */
#ifndef CLIP_TRAIN_TRAINABLE_CLIP_H
#define CLIP_TRAIN_TRAINABLE_CLIP_H

#include "clip/checkpoint/activations.h"
#include "clip/checkpoint/config_types.h"
#include "clip/math/precision.h"
#include "clip/train/parameters.h"
#include "clip/train/qkv_additions.h"

typedef struct {
    Parameters parameters; /* both towers, and "logit_scale" (a logarithm) */
    TowerConfig text,
        image;     /* every size is filled in; n_heads of a ResNet are those of its attention pool */
    int embed_dim; /* E */
    bool is_resnet;
    bool frozen_norms; /* batch norms keep and use their running statistics in training, too. Said before
                        * trainers are created */
    const QkvAdditions *add_text, *add_image; /* set before trainers are created, or NULL. Borrowed */
    Precision precision; /* of products: FLOAT32 or BFLOAT16; parameters are floats in either */
    float mean[3], std[3];
    ImagePreparation images;
    const char *note; /* one line that the user should know, or NULL */
    bool assumed;     /* it says that the activation is assumed */
    Arena *arena;     /* of all above; owned */
} TrainableClip;

/* From a checkpoint of any kind that clip_open reads; nothing is trained yet (parameters_train). */
TrainableClip *trainable_clip_open(const char *path, ClipActivation activation, int heads,
                                   Precision precision, Pool *pool, Error *err);

/* With new weights, as OpenCLIP draws them (the same distributions), from a model config of OpenCLIP: either
 * a file of its model_configs, or an open_clip_config.json. */
TrainableClip *trainable_clip_create(const char *config, uint32_t seed, Precision precision, Error *err);
/* Without sizes and parameters; NULL when out of memory. */
TrainableClip *trainable_clip_empty(Precision precision);
void trainable_clip_free(TrainableClip *clip); /* NULL is fine */

/* Writes path (*.safetensors, OpenCLIP's names) and open_clip_config.json beside it, each whole or not at
 * all. OpenCLIP and clip_open read them as they are. */
int trainable_clip_save(const TrainableClip *clip, const char *path, Error *err);

#endif
