/* webp.h: WebP files to pixels, to the values of Pillow's convert("RGB"). */
#ifndef DATASETS_IMAGES_WEBP_H
#define DATASETS_IMAGES_WEBP_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins with RIFF, a size and WEBP. */
int webp_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err);

/* As image_check (image.h). */
int webp_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
