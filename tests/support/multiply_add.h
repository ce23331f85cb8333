/* multiply_add.h: what a kernel makes of a b + c (clip/math/vectors.h). */
#ifndef TESTS_SUPPORT_MULTIPLY_ADD_H
#define TESTS_SUPPORT_MULTIPLY_ADD_H

#include <math.h>

static inline float multiply_add(float a, float b, float c) {
#ifdef NO_FUSED
    return a * b + c;
#else
    return fmaf(a, b, c);
#endif
}

#endif
