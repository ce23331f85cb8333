/* vit_trainer.h: image_trainer.h for a vision transformer. */
#ifndef CLIP_TRAIN_VIT_TRAINER_H
#define CLIP_TRAIN_VIT_TRAINER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/train/pass.h"
#include "clip/train/trainable_clip.h"

typedef struct VitTrainer VitTrainer;

VitTrainer *vit_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                               Error *err);
void vit_trainer_free(VitTrainer *trainer);
void vit_trainer_forward(VitTrainer *trainer, float *features, const float *pixels, int n, Pass pass);
void vit_trainer_backward(VitTrainer *trainer, const float *d_features);
size_t vit_trainer_bytes(const VitTrainer *trainer); /* of activations, as they were taken */
double vit_trainer_flops(const TrainableClip *clip, bool backward);

#endif
