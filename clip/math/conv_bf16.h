/* conv_bf16.h: convolutions in bfloat16, on one thread, channels last. */
#ifndef CLIP_MATH_CONV_BF16_H
#define CLIP_MATH_CONV_BF16_H

#include "clip/math/conv.h"

#include <stdbool.h>

/* conv_forward (conv.h) for n images at once, from conv->halves: the panels (packed_bf16.h) of the weights as
 * a matrix (kernel^2 n_in, n_out).
 *   out (n, H/stride, W/stride, n_out)   in (n, H, W, n_in) */
void conv_bf16_forward(float *out, const float *in, const ConvWeights *conv, int n, int H, int W, int stride,
                       bool accumulate, bool relu);

#endif
