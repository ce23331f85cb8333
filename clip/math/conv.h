/* conv.h: convolutions and average pools of one image on one thread, channels last.
 *
 * A feature map is (H, W, C): a pixel is a row of C channels, so a 1x1 convolution is a GEMM on the map as it
 * lies, and a 3x3 one copies runs of 3 C floats.
 */
#ifndef CLIP_MATH_CONV_H
#define CLIP_MATH_CONV_H

#include "clip/checkpoint/model.h"

#include <stdbool.h>
#include <stddef.h>

/* Floats of scratch that conv_forward needs for a convolution with n_in channels and a 3x3 kernel. */
size_t conv_scratch_size(int n_in);

/* out = relu(conv(in) + b), zero padding kernel / 2; with accumulate out = relu(out + conv(in) + b).
 *   out (H/stride, W/stride, n_out)   in (H, W, n_in)   scratch: conv_scratch_size(n_in); unused by 1x1
 * kernels stride is 1 or 2 and divides H and W; a 1x1 kernel has stride 1. Without relu the last step is left
 * out. */
void conv_forward(float *out, const float *in, const ConvWeights *conv, int H, int W, int stride,
                  bool accumulate, bool relu, float *scratch);

/* Mean of 2x2 cells: out (H/2, W/2, C), in (H, W, C); H and W are even. */
void avg_pool_forward(float *out, const float *in, int H, int W, int C);

#endif
