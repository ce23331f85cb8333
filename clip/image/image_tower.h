/* image_tower.h: images to features, with the tower that the checkpoint has. */
#ifndef CLIP_IMAGE_IMAGE_TOWER_H
#define CLIP_IMAGE_IMAGE_TOWER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"

/* Encodes n images. pixels (n, 3, S, S), normalised; features (n, E), as encode_image gives them (not of unit
 * length). Images are multiplied apart, so a feature depends on nothing but its image. Fails only for want of
 * memory. */
int image_tower_forward(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                        Error *err);

double image_tower_flops(const Clip *clip); /* floating-point operations that one image needs */

#endif
