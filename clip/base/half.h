/* half.h: IEEE binary16 and bfloat16 to float, exactly. */
#ifndef CLIP_BASE_HALF_H
#define CLIP_BASE_HALF_H

#include <stddef.h>

/* out (n) from in (2n bytes, little-endian, any alignment). Signalling NaNs become quiet ones. half_to_float
 * picks the fastest way that this processor has; half_to_float_portable gives the same bits everywhere. */
void half_to_float(float *out, const unsigned char *in, size_t n);
void half_to_float_portable(float *out, const unsigned char *in, size_t n);

/* The same for bfloat16, the upper half of a float. */
void bfloat16_to_float(float *out, const unsigned char *in, size_t n);

#endif
