/* half.h: IEEE binary16 and bfloat16 to float, exactly, and floats to both. */
#ifndef CLIP_MATH_HALF_H
#define CLIP_MATH_HALF_H

#include <stddef.h>
#include <stdint.h>

/* out (n) from in (2n bytes, little-endian, any alignment). Signalling NaNs become quiet. half_to_float
 * takes the fastest way that this processor has; half_to_float_portable gives the same bits anywhere. */
void half_to_float(float *out, const unsigned char *in, size_t n);
void half_to_float_portable(float *out, const unsigned char *in, size_t n);

/* The bits of the nearest half, ties to even. */
uint16_t float_to_half(float value);

/* The same from bfloat16, which is the upper half of a float. */
void bfloat16_to_float(float *out, const unsigned char *in, size_t n);
/* out (2n bytes, little-endian): the nearest bfloat16, ties to even. NaNs stay NaNs. */
void float_to_bfloat16(unsigned char *out, const float *in, size_t n);

#endif
