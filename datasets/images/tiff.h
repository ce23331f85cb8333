/* tiff.h: the first picture of a TIFF file to pixels, as Pillow decodes it. */
#ifndef DATASETS_IMAGES_TIFF_H
#define DATASETS_IMAGES_TIFF_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins like a TIFF file. */
int tiff_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err);

/* As image_check (image.h). */
int tiff_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
