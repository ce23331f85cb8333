/* image_tower.h: from images to features, by whichever tower the checkpoint has. */
#ifndef CLIP_IMAGE_IMAGE_TOWER_H
#define CLIP_IMAGE_IMAGE_TOWER_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/model.h"

/* Encodes n images. pixels (n, 3, S, S), normalised; features (n, E), as encode_image gives them (not of unit
 * length). A feature depends on nothing but its image, bit for bit. Fails only when out of memory, or for a
 * NaN among weights that are checked as they are used. */
int image_tower_forward(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                        Error *err);

/* The same before the last layer, a projection: features (n, C), C = image_tower_width. */
int image_tower_forward_unprojected(const Clip *clip, Pool *pool, const float *pixels, int n, float *features,
                                    Error *err);
int image_tower_width(const Clip *clip);
/* That layer: feature = w x + bias, w (E, C) filled in, *bias (E) borrowed, NULL where there is none. */
void image_tower_projection(const Clip *clip, float *w, const float **bias);

double image_tower_flops(const Clip *clip); /* floating-point operations for one image */

#endif
