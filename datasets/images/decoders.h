/* decoders.h: the two decoders behind image.h. */
#ifndef DATASETS_IMAGES_DECODERS_H
#define DATASETS_IMAGES_DECODERS_H

#include "datasets/images/image.h"

#include <stdint.h>

/* Pillow refuses images of over twice its MAX_IMAGE_PIXELS of 1024^3 / 4 / 3. */
#define IMAGE_MAX_PIXELS 178956970

/* Checks the size that a header claims against the limit, then takes image->rgb from the arena. */
int image_allocate(Image *image, uint32_t width, uint32_t height, const char *name, Arena *arena, Error *err);

/* As image_decode, for a file that begins like a JPEG (FF D8 FF). */
int jpeg_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                      Error *err);

/* As image_decode, for a file that begins with the PNG signature. */
int png_image_decode(Image *image, const unsigned char *data, size_t size, const char *name, Arena *arena,
                     Error *err);

#endif
