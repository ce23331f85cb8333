/* exp_vector.h: e^x to 2 ulp in float and in double, without branches and without libm, so that loops around
 * it are vectorised. */
#ifndef CLIP_MATH_EXP_VECTOR_H
#define CLIP_MATH_EXP_VECTOR_H

#include <stdint.h>
#include <string.h>

/* x = n ln 2 + r, a polynomial for e^r (Cephes, S. L. Moshier), times 2^n put into the exponent bits.
 * Saturates beyond -80 and 80, so that neither e^x nor 1 / e^x comes near the denormal numbers, on which
 * processors are slow; NaN stays NaN. */
static inline float exp_vector(float x) {
    const float round = 12582912.0f; /* 1.5 * 2^23: adding it leaves n in the lowest bits */
    x = x < -80.0f ? -80.0f : x;
    x = x > 80.0f ? 80.0f : x;
    float shifted = x * 1.44269504f + round, n = shifted - round;
    float r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    uint32_t bits; /* not a conversion of n, which NaN would make undefined */
    float scale;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127) << 23;
    memcpy(&scale, &bits, sizeof scale);
    return p * scale;
}

/* The same in double, with Taylor's polynomial. Below -700 it is 0, above 700 it saturates. */
static inline double exp_vector_double(double x) {
    const double round = 6755399441055744.0; /* 1.5 * 2^52 */
    double bounded = x < -700.0 ? -700.0 : x;
    bounded = bounded > 700.0 ? 700.0 : bounded;
    double shifted = bounded * 1.4426950408889634 + round, n = shifted - round;
    double r = bounded - n * 0x1.62e42fee00000p-1; /* n times the upper half of ln 2 is exact */
    r = r - n * 0x1.a39ef35793c76p-33;
    double p = 1.0 / 6227020800;
    p = p * r + 1.0 / 479001600;
    p = p * r + 1.0 / 39916800;
    p = p * r + 1.0 / 3628800;
    p = p * r + 1.0 / 362880;
    p = p * r + 1.0 / 40320;
    p = p * r + 1.0 / 5040;
    p = p * r + 1.0 / 720;
    p = p * r + 1.0 / 120;
    p = p * r + 1.0 / 24;
    p = p * r + 1.0 / 6;
    p = p * r + 0.5;
    p = p * r * r + r + 1.0;
    uint64_t bits;
    double scale;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return x < -700.0 ? 0.0 : p * scale;
}

#endif
