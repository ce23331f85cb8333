/* thumbnail.h: makes a small JPEG of an image file. */
#ifndef EXPERIMENTS_REPORT_THUMBNAIL_H
#define EXPERIMENTS_REPORT_THUMBNAIL_H

#include "datasets/images/pixels.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct {
    unsigned char *jpeg; /* (size), owned by the arena */
    size_t size;
    int width, height;
} Thumbnail;

/* The whole image with its longer side at most `side` pixels; smaller images keep their size. upright: turned
 * first as its EXIF says. */
int thumbnail_make(Thumbnail *thumbnail, const char *path, bool upright, int side, Arena *arena, Error *err);
/* The same of an image in memory. */
int thumbnail_of(Thumbnail *thumbnail, const Image *image, int side, Arena *arena, Error *err);

#endif
