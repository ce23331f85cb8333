/* unlocked.h: which parameters are trained (OpenCLIP's lock_image_tower and lock_text_tower). */
#ifndef EXPERIMENTS_PRETRAIN_UNLOCKED_H
#define EXPERIMENTS_PRETRAIN_UNLOCKED_H

#include "clip/train/trainable_clip.h"
#include "experiments/pretrain/pretrain_config.h"

/* Gives gradients to all parameters but those that config->lock names. The groups of a ViT, from the first:
 * what stands before the blocks, each block (the last one with ln_post), the projection. A ResNet has none,
 * as in OpenCLIP. */
int unlock_parameters(TrainableClip *clip, const PretrainConfig *config, Error *err);

#endif
