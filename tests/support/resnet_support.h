/* resnet_support.h: small CLIPs with a ResNet to train. */
#ifndef TESTS_SUPPORT_RESNET_SUPPORT_H
#define TESTS_SUPPORT_RESNET_SUPPORT_H

#include "clip/train/trainable_clip.h"

typedef struct {
    int image_size, width, n_blocks[4], embed_dim;
} ResnetSize;

/* Random weights, every one of which matters; all are trained; the text tower is none to use. Caller frees
 * with resnet_clip_free. */
TrainableClip *resnet_clip(ResnetSize size);
/* With those of a checkpoint of that size, under OpenAI's names. */
TrainableClip *resnet_clip_read(const char *path, ResnetSize size);
void resnet_clip_free(TrainableClip *clip);

float *resnet_gradients(const TrainableClip *clip, Arena *arena, size_t *count);  /* one after the other */
float *resnet_statistics(const TrainableClip *clip, Arena *arena, size_t *count); /* the running ones */

#endif
