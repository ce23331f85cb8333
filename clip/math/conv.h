/* conv.h: convolutions and average pools of one image on one thread, channels last.
 *
 * A feature map is (H, W, C): a pixel is a row of C channels, so a 1x1 convolution is a GEMM on the map as it
 * stands, and a 3x3 one copies runs of 3 C floats.
 */
#ifndef CLIP_MATH_CONV_H
#define CLIP_MATH_CONV_H

#include "clip/math/packed_bf16.h"

#include <stdbool.h>
#include <stddef.h>

/* Makes a panel (packed_conv.h) of a convolution. May be called from any thread. */
typedef void (*MakePanel)(const void *context, float *panel, int index);

/* A convolution with its batch norm folded in: y = conv(x, w) + b. A tower that was read from a file has its
 * weights in one form alone, as the processor and the precision want them: w and b, panels, halves and b, or
 * what makes panels. */
typedef struct {
    int n_in, n_out, kernel; /* kernel 1 or 3 (padding 1) */
    const float *w;          /* (kernel, kernel, n_in, n_out): not the order of the file */
    const float *b;          /* (n_out) */
    const float *panels;     /* w and b, packed (packed_conv.h); or NULL */
    const uint16_t *halves;  /* w in bfloat16 (conv_bf16.h); or NULL */
    Bf16Kernel bf16;         /* what multiplies the halves */
    MakePanel make_panel;    /* instead of panels: each pass makes them; or NULL */
    const void *context;     /* of make_panel. Borrowed */
} ConvWeights;

/* How many floats of scratch conv_forward needs for a 3x3 kernel and n_in channels. */
size_t conv_scratch_size(int n_in);

/* out = relu(conv(in) + b), with zero padding of kernel / 2; with accumulate, out = relu(out + conv(in) + b).
 * Without relu, that last step is left out. stride is 1 or 2 and divides H and W; a 1x1 kernel has stride 1.
 *   out (H/stride, W/stride, n_out)   in (H, W, n_in)   scratch (conv_scratch_size(n_in)), not for 1x1 */
void conv_forward(float *out, const float *in, const ConvWeights *conv, int H, int W, int stride,
                  bool accumulate, bool relu, float *scratch);

/* Mean of 2x2 cells: out (H/2, W/2, C), in (H, W, C); H and W are even. */
void avg_pool_forward(float *out, const float *in, int H, int W, int C);

#endif
