/* jpeg.h: JPEG files to pixels, as Pillow decodes them: baseline and progressive, grey, YCbCr, RGB, CMYK and
 * YCCK. */
#ifndef DATASETS_IMAGES_JPEG_H
#define DATASETS_IMAGES_JPEG_H

#include "datasets/images/pixels.h"

/* As image_decode (image.h), for data that begins like a JPEG (FF D8 FF). */
int jpeg_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err);

/* As image_check (image.h). */
int jpeg_image_check(const unsigned char *data, size_t size, const char *name, Arena *arena, Error *err);

#endif
