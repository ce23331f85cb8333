/* conv_gradient_bf16.h: the sums of conv_gradient.h over some pixels, in bfloat16.
 *
 * Both factors are rounded, products are added in float; the order of a sum follows from the pixels alone.
 */
#ifndef CLIP_CONV_CONV_GRADIENT_BF16_H
#define CLIP_CONV_CONV_GRADIENT_BF16_H

#include "clip/math/packed_bf16.h"

/* Rows [row, row + rows) of one image, or all of several: of a convolution with stride 1. */
typedef struct {
    int taps; /* 1 or 9 */
    int side;
    int image, images, row, rows;
} ConvPixels;

/* Numbers of the scratch that pixels want for some output channels: of left, right, and lines. */
typedef struct {
    size_t left, right, lines;
} ConvBf16Sizes;

ConvBf16Sizes conv_gradient_bf16_sizes(const ConvPixels *pixels, int channels);

/* sums (channels, taps, width) += d_out^T in, of output channels from `first` on. */
typedef struct {
    Bf16Kernel kernel;
    ConvPixels pixels;
    const float *d_out, *in; /* (n, side, side, n_out) and n_in, of all images */
    int n_in, n_out;
    int first, channels;
    size_t width; /* at least n_in */
    float *sums;
    uint16_t *left, *right;
    const float **lines;
} ConvGradientBf16;

void conv_gradient_bf16(const ConvGradientBf16 *g);

#endif
