/* vit.h: CLIP's vision transformer (Radford et al. 2021; VisionTransformer of openai/CLIP's model.py). */
#ifndef CLIP_IMAGE_VIT_H
#define CLIP_IMAGE_VIT_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/tower_weights.h"

/* pixels (n, 3, S, S), normalised; features (n, E), each from its image alone. Fails only if out of memory.
 */
int vit_forward(const VitWeights *vit, Pool *pool, const float *pixels, int n, float *features, Error *err);

double vit_flops(const VitWeights *vit); /* floating-point operations for one image */

#endif
