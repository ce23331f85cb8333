/* image_input.h: an image of coop.h to the input of an image tower. */
#ifndef COOP_LIBRARY_IMAGE_INPUT_H
#define COOP_LIBRARY_IMAGE_INPUT_H

#include "coop/coop.h"
#include "datasets/features/feature_source.h"

/* What becomes of each image. */
typedef struct {
    Transform transform; /* to squares of its size, S */
    float mean[3], std[3];
    bool upright; /* first turned as EXIF says; pixels have none */
} ImageShape;

/* pixels (3, S, S). Scratch memory comes from the arena and goes back. */
int image_input(float *pixels, const coop_image *image, const ImageShape *shape, Arena *arena, Error *err);

#endif
