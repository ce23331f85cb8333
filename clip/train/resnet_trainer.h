/* resnet_trainer.h: CLIP's ModifiedResNet as image_trainer.h wants it, for a clip with is_resnet.
 *
 * Batch norms are PyTorch's: momentum 0.1, epsilon 1e-5, the unbiased variance goes to running_var (of a
 * single number there is none: it stays). Of each unit (the stem, a bottleneck) the result is kept; what is
 * inside is kept as far as the budget goes, from the last unit on, and computed again of the others. Nothing
 * below the lowest trained parameter is differentiated. Convolutions run in the clip's precision; their
 * weights' gradients, batch norms and the attention pool are in float.
 */
#ifndef CLIP_TRAIN_RESNET_TRAINER_H
#define CLIP_TRAIN_RESNET_TRAINER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/train/pass.h"
#include "clip/train/trainable_clip.h"

typedef struct ResnetTrainer ResnetTrainer;

/* As image_trainer_create. Where nothing of the tower is trained, there is PASS_TEST alone, and images go
 * through in groups of a few. */
ResnetTrainer *resnet_trainer_create(TrainableClip *clip, Pool *pool, int max_images, size_t memory_budget,
                                     Error *err);
void resnet_trainer_free(ResnetTrainer *trainer); /* NULL is fine */

void resnet_trainer_forward(ResnetTrainer *trainer, float *features, const float *pixels, int n, Pass pass);
/* Right after a PASS_TRAIN, once. */
void resnet_trainer_backward(ResnetTrainer *trainer, const float *d_features);

double resnet_trainer_flops(const TrainableClip *clip, bool backward);

#endif
