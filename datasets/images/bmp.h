/* bmp.h: Windows and OS/2 bitmaps to pixels, as Pillow decodes them. */
#ifndef DATASETS_IMAGES_BMP_H
#define DATASETS_IMAGES_BMP_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins like a BMP. */
int bmp_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err);

/* As image_check (image.h). */
int bmp_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
