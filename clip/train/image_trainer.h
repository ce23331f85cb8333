/* image_trainer.h: an image tower, forward and backward, with the gradients of its weights. */
#ifndef CLIP_TRAIN_IMAGE_TRAINER_H
#define CLIP_TRAIN_IMAGE_TRAINER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/train/pass.h"
#include "clip/train/trainable_clip.h"

#include <stdbool.h>

typedef struct ImageTrainer ImageTrainer;

/* Clip and pool are borrowed. Which parameters have gradients is asked here, once. At most max_images are
 * encoded together. memory_budget bounds the bytes of activations; 0: no bound. What does not fit is computed
 * again in the backward pass, to the same bits; a budget that is too small for that is an error that names
 * what is needed. Caller frees. */
ImageTrainer *image_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                                   Error *err);
void image_trainer_free(ImageTrainer *trainer); /* NULL is fine */

/* pixels (n, 3, S, S), normalised, kept until the backward pass; features (n, E), not of unit length. */
void image_trainer_forward(ImageTrainer *trainer, float *features, const float *pixels, int n, Pass pass);
/* Adds to the gradients of the parameters, given d_features (n, E) of the last PASS_TRAIN. */
void image_trainer_backward(ImageTrainer *trainer, const float *d_features);

/* Of one image; 0 when there is no memory to count. */
double image_trainer_flops(const TrainableClip *clip, bool backward);

#endif
