/* conv.c: convolutions as GEMMs (conv.h), for processors without the kernels of packed_conv.c.
 *
 * The output pixels are cut into chunks that stay in the second-level cache: gather the 3x3 neighbourhoods of
 * a chunk into rows of 9 n_in floats (im2col), multiply, add the bias and clamp while the chunk is warm.
 */
#include "clip/math/conv.h"

#include "clip/base/simd.h"
#include "clip/math/gemm.h"

#include <assert.h>
#include <string.h>

/* Output pixels of one GEMM: enough rows to pay for the packing of the weights. */
enum { CHUNK = 512 };

size_t conv_scratch_size(int n_in) {
    return (size_t)CHUNK * 9 * (size_t)n_in;
}

/* One neighbourhood (3, 3, C) around pixel (y, x) of in (H, W, C), zero outside the image. */
static void gather_pixel(float *out, const float *in, int y, int x, int H, int W, int C) {
    const size_t pixel = (size_t)C;
    for (int v = y - 1; v <= y + 1; v++, out += 3 * pixel) {
        if (v < 0 || v >= H) {
            memset(out, 0, 3 * pixel * sizeof *out);
            continue;
        }
        const int left = x == 0, right = x == W - 1; /* columns of the three that lie outside */
        memset(out, 0, (size_t)left * pixel * sizeof *out);
        memcpy(out + (size_t)left * pixel, in + ((size_t)v * W + (size_t)(x - 1 + left)) * pixel,
               (size_t)(3 - left - right) * pixel * sizeof *out);
        memset(out + (size_t)(3 - right) * pixel, 0, (size_t)right * pixel * sizeof *out);
    }
}

/* columns (n, 3, 3, C): the neighbourhoods of output pixels first .. first+n-1. */
static void gather(float *columns, const float *in, int first, int n, int H, int W, int C, int stride) {
    const int out_w = W / stride;
    for (int i = 0; i < n; i++) {
        const int y = (first + i) / out_w * stride, x = (first + i) % out_w * stride;
        gather_pixel(columns + (size_t)i * 9 * (size_t)C, in, y, x, H, W, C);
    }
}

/* x (rows, C) += b, then max(x, floor): floor is 0 for a ReLU and -inf for none. */
VECTOR_CLONES static void bias_relu_forward(float *x, const float *b, int rows, int C, float floor) {
    for (int r = 0; r < rows; r++, x += C) {
#pragma omp simd
        for (int i = 0; i < C; i++) {
            float v = x[i] + b[i];
            x[i] = v < floor ? floor : v; /* keeps a NaN */
        }
    }
}

void conv_forward(float *out, const float *in, const ConvWeights *conv, int H, int W, int stride,
                  bool accumulate, bool relu, float *scratch) {
    assert(H % stride == 0 && W % stride == 0 && (conv->kernel == 3 || (conv->kernel == 1 && stride == 1)));
    const int k = conv->kernel * conv->kernel * conv->n_in, n_pixels = (H / stride) * (W / stride);
    for (int first = 0; first < n_pixels; first += CHUNK) {
        const int n = n_pixels - first < CHUNK ? n_pixels - first : CHUNK;
        const float *rows = conv->kernel == 1 ? in + (size_t)first * (size_t)k : scratch; /* (n, k) */
        if (conv->kernel == 3)
            gather(scratch, in, first, n, H, W, conv->n_in, stride);
        float *chunk = out + (size_t)first * (size_t)conv->n_out; /* (n, n_out) */
        gemm(false, false, n, conv->n_out, k, 1.0f, rows, k, conv->w, conv->n_out, accumulate ? 1.0f : 0.0f,
             chunk, conv->n_out);
        bias_relu_forward(chunk, conv->b, n, conv->n_out, relu ? 0.0f : -__builtin_inff());
    }
}

VECTOR_CLONES void avg_pool_forward(float *out, const float *in, int H, int W, int C) {
    const size_t row = (size_t)W * (size_t)C;
    for (int y = 0; y < H / 2; y++) {
        for (int x = 0; x < W / 2; x++, out += C) {
            const float *top = in + 2 * (size_t)y * row + 2 * (size_t)x * (size_t)C, *bottom = top + row;
#pragma omp simd
            for (int i = 0; i < C; i++)
                out[i] = 0.25f * ((top[i] + top[C + i]) + (bottom[i] + bottom[C + i]));
        }
    }
}
