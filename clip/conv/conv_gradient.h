/* conv_gradient.h: the gradient of a convolution's weights, over all pixels of a batch.
 *
 *     d_w[o][i][t] += sum over pixels p of d_out[p][o] in[p + t][i]
 *
 * A product whose inner dimension is the pixels. They are cut into chunks; of a chunk, both factors are
 * copied into the cache: d_out in groups of channels, `in` with a border of zeros, so that a tap is an
 * offset. Pixels are cut into parts, and output channels into blocks, as the sizes want it; each tile sums
 * its part for its block, chunk by chunk, and parts are added in their order. So the bits follow from the
 * sizes alone.
 *
 * In bfloat16 (conv_gradient_bf16.h) parts and their sums are the same; a convolution with stride 2, which
 * has 3 channels, stays in float.
 */
#ifndef CLIP_CONV_CONV_GRADIENT_H
#define CLIP_CONV_CONV_GRADIENT_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "clip/conv/trained_conv.h"

typedef struct ConvGradient ConvGradient;

/* Room for the given shapes and up to n images with maps of the given sides (of the input); owned by the
 * arena. Where the processor does not have the precision, it is float. Check arena_failed. */
ConvGradient *conv_gradient_create(const ConvShape *shapes, const int *sides, int n_shapes, int n,
                                   Precision precision, Pool *pool, Arena *arena);

/* d_w (n_out, n_in, kernel, kernel) += ..., of d_out (n, side/stride, side/stride, n_out) and in (n, side,
 * side, n_in). */
void conv_gradient(ConvGradient *room, float *d_w, const float *d_out, const float *in, ConvShape shape,
                   int n, int side);

/* For tests: with vectors of 16 or 8 floats, or 1: plain code. False if this processor has none such. */
bool conv_gradient_vectors(ConvGradient *room, int floats);

/* For tests: with another kernel, of a room in bfloat16. */
bool conv_gradient_halves(ConvGradient *room, Bf16Kernel kernel);

#endif
