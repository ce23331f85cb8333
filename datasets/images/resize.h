/* resize.h: antialiased bicubic or bilinear resize, bit for bit Pillow's (src/libImaging/Resample.c). It can
 * compute a part of its result alone. */
#ifndef DATASETS_IMAGES_RESIZE_H
#define DATASETS_IMAGES_RESIZE_H

#include "datasets/images/pixels.h"

typedef enum { FILTER_BICUBIC, FILTER_BILINEAR } ResizeFilter;

/* Resizes the box of `in` to out_w x out_h. out->rgb is owned by the arena. */
int image_resize(Image *out, const Image *in, CropBox box, int out_w, int out_h, ResizeFilter filter,
                 Arena *arena, Error *err);

/* One axis of a resize to `size` pixels, of which those from `first` on, `count` of them, are wanted. */
typedef struct {
    int size, first, count;
} ResizeSpan;

/* The wanted part of the box of `in`, resized to across.size x down.size: out (down.count, across.count, 3).
 * Its bytes are those that a full resize would have there. Scratch memory comes from the arena and goes back.
 */
int resize_part(unsigned char *out, const Image *in, CropBox box, ResizeSpan across, ResizeSpan down,
                ResizeFilter filter, Arena *arena, Error *err);

#endif
