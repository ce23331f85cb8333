/* resize.h: the resize behind transform.h, which can compute a part of its result alone. */
#ifndef DATASETS_IMAGES_RESIZE_H
#define DATASETS_IMAGES_RESIZE_H

#include "datasets/images/transform.h"

/* One axis of a resize to `size` pixels, of which those from `first` on, `count` of them, are wanted. */
typedef struct {
    int size, first, count;
} ResizeSpan;

/* The wanted part of the box of `in`, resized to across.size x down.size: out (down.count, across.count, 3).
 * Its bytes are those that a full resize would have there. Scratch memory comes from the arena and goes back.
 */
int resize_part(unsigned char *out, const Image *in, CropBox box, ResizeSpan across, ResizeSpan down,
                Arena *arena, Error *err);

#endif
