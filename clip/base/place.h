/* place.h: buffers one after the other in one piece of memory, counted before it is there. */
#ifndef CLIP_BASE_PLACE_H
#define CLIP_BASE_PLACE_H

#include <stddef.h>

/* count floats at *used, which moves on by whole cache lines. With memory NULL they are only counted. */
static inline float *place_floats(float *memory, size_t *used, size_t count) {
    float *piece = memory ? memory + *used : NULL;
    *used += (count + 15) / 16 * 16;
    return piece;
}

#endif
