/* packed_conv.h: convolutions with packed weights, channels last.
 *
 * No neighbourhoods are copied: the kernel reads each tap of a pixel where it is in the map. Every output is
 * one chain of fused multiply-adds, from the bias through taps and channels in ascending order, whatever its
 * place among the rows: its bits depend on its image alone, however many images there are.
 *
 * Layout: panels of 64 output channels, the last one padded with zeros, each (1 + taps n_in, 64) and
 * contiguous: the bias, then the weights in the order of ConvWeights.
 */
#ifndef CLIP_MATH_PACKED_CONV_H
#define CLIP_MATH_PACKED_CONV_H

#include "clip/base/parallel.h"
#include "clip/math/conv.h"

#include <stdbool.h>
#include <stddef.h>

/* How many floats a convolution's panels take; 0 where this processor has no kernel and conv_forward is to be
 * used. */
size_t packed_conv_size(int n_in, int n_out, int kernel);

/* panels (packed_conv_size) from conv->w and conv->b, which are not needed afterwards. */
void packed_conv_pack(float *panels, const ConvWeights *conv);

/* For filling zeroed panels piece by piece: where the bias of a channel is; its weights follow, each
 * PACKED_CONV_PANEL floats after the one before. */
enum { PACKED_CONV_PANEL = 64 };
size_t packed_conv_place(int n_in, int kernel, int channel);

/* conv_forward (conv.h) for n images at once, with conv->panels, on one thread:
 *   out (n, H/stride, W/stride, n_out)   in (n, H, W, n_in)   zeros (n_in): what is outside an image */
void packed_conv_forward(float *out, const float *in, const ConvWeights *conv, int n, int H, int W,
                         int stride, bool accumulate, bool relu, const float *zeros);

/* The same by all threads of a pool (NULL: this one); without conv->panels, conv->make_panel first fills
 * panels (packed_conv_size). */
void packed_conv_forward_shared(Pool *pool, float *out, const float *in, const ConvWeights *conv, int n,
                                int H, int W, int stride, bool accumulate, bool relu, const float *zeros,
                                float *panels);

/* For tests: the same with vectors of 16 (AVX-512) or 8 (AVX2) floats. False, with nothing done, if this
 * processor has no such vectors. */
bool packed_conv_forward_as(int floats, float *out, const float *in, const ConvWeights *conv, int n, int H,
                            int W, int stride, bool accumulate, bool relu, const float *zeros);

#endif
