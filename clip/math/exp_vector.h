/* exp_vector.h: e^x to 2 ulp, without branches and without libm, so that loops around it are vectorised. */
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

#endif
