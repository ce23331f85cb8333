/* resnet.h: CLIP's modified ResNet (Radford et al. 2021; ModifiedResNet of openai/CLIP's model.py). */
#ifndef CLIP_IMAGE_RESNET_H
#define CLIP_IMAGE_RESNET_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/tower_weights.h"

/* pixels (n, 3, S, S), normalised; features (n, E), each from its image alone. Fails only if out of memory.
 */
int resnet_forward(const ResnetWeights *resnet, Pool *pool, const float *pixels, int n, float *features,
                   Error *err);

double resnet_flops(const ResnetWeights *resnet); /* floating-point operations for one image */

#endif
