/* gif.h: the first frame of a GIF, as Pillow shows it. */
#ifndef DATASETS_IMAGES_GIF_H
#define DATASETS_IMAGES_GIF_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins like a GIF. */
int gif_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err);

/* As image_check (image.h). */
int gif_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
