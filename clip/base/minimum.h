/* minimum.h: the smaller of two numbers. */
#ifndef CLIP_BASE_MINIMUM_H
#define CLIP_BASE_MINIMUM_H

#include <stddef.h>

static inline int min_int(int a, int b) {
    return a < b ? a : b;
}

static inline size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

#endif
