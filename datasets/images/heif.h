/* heif.h: HEIC and AVIF photos to pixels. */
#ifndef DATASETS_IMAGES_HEIF_H
#define DATASETS_IMAGES_HEIF_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins like an HEIF file. */
int heif_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err);

/* As image_check (image.h). */
int heif_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
