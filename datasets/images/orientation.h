/* orientation.h: which way up an image is, as EXIF says it, and turning it so. */
#ifndef DATASETS_IMAGES_ORIENTATION_H
#define DATASETS_IMAGES_ORIENTATION_H

#include "datasets/images/pixels.h"

#include <stddef.h>

/* 1 .. 8 out of the EXIF data (or else the XMP) of a JPEG, PNG or WebP file; 1, upright, for one that does
 * not say, or is of another kind: those are turned by their decoders. As Pillow's getexif reads it. */
int image_orientation(const unsigned char *data, size_t size);

/* Turns an image of that orientation upright, as Pillow's exif_transpose does; the new pixels come from the
 * arena. 1, and what is none, leave it as it is. */
int image_turn(Image *image, int orientation, Arena *arena, Error *err);

#endif
