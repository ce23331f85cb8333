/* jpeg_write.h: pixels to a JPEG file in memory. */
#ifndef DATASETS_IMAGES_JPEG_WRITE_H
#define DATASETS_IMAGES_JPEG_WRITE_H

#include "datasets/images/pixels.h"

/* Baseline, 4:2:0, quality 1 to 100. *data (*size bytes) is owned by the arena. */
int jpeg_write(const Image *image, int quality, unsigned char **data, size_t *size, Arena *arena, Error *err);

#endif
