/* minimum.h: the smaller or larger of two numbers, and a quotient rounded up. */
#ifndef CLIP_BASE_MINIMUM_H
#define CLIP_BASE_MINIMUM_H

#include <stddef.h>

static inline int min_int(int a, int b) {
    return a < b ? a : b;
}

static inline int max_int(int a, int b) {
    return a > b ? a : b;
}

static inline size_t min_size(size_t a, size_t b) {
    return a < b ? a : b;
}

static inline size_t max_size(size_t a, size_t b) {
    return a > b ? a : b;
}

/* a / b rounded up, for a >= 0 and b > 0. */
static inline int ceil_div(int a, int b) {
    return a / b + (a % b != 0);
}

#endif
