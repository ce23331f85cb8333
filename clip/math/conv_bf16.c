/* conv_bf16.c: see conv_bf16.h
 *
 * A product with one row per output pixel: its neighbourhood (3, 3, n_in), zero outside the image. A row is
 * made where the product rounds it, so neighbourhoods are never in memory as floats.
 */
#include "clip/math/conv_bf16.h"

#include "clip/base/minimum.h"
#include "clip/math/packed_bf16.h"

#include <assert.h>
#include <string.h>

typedef struct {
    const float *in; /* (n, H, W, C) */
    int H, W, C, stride;
} Map;

/* Writes tap after tap, each over the padding that rounding left after the one before it. */
static void neighbourhood(uint16_t *out, const void *context, int row, int k0, int count) {
    const Map *map = context;
    const int out_w = map->W / map->stride, out_h = map->H / map->stride, C = map->C;
    const int x = row % out_w * map->stride, y = row / out_w % out_h * map->stride;
    const float *image =
        map->in + (size_t)(row / out_w / out_h) * (size_t)map->H * (size_t)map->W * (size_t)C;
    for (int k = k0, n; k < k0 + count; k += n) {
        const int tap = k / C, channel = k % C, v = y + tap / 3 - 1, u = x + tap % 3 - 1;
        uint16_t *at = out + (k - k0);
        n = min_int(C - channel, k0 + count - k);
        if (v >= 0 && v < map->H && u >= 0 && u < map->W)
            bf16_round(at, image + ((size_t)v * (size_t)map->W + (size_t)u) * (size_t)C + channel, n);
        else
            memset(at, 0, (size_t)(n + 31) / 32 * 32 * sizeof *at);
    }
}

void conv_bf16_forward(float *out, const float *in, const ConvWeights *conv, int n, int H, int W, int stride,
                       bool accumulate, bool relu) {
    assert(H % stride == 0 && W % stride == 0 && (conv->kernel == 3 || (conv->kernel == 1 && stride == 1)));
    const Map map = {.in = in, .H = H, .W = W, .C = conv->n_in, .stride = stride};
    const Bf16Product product = {.out = out,
                                 .in = in,
                                 .row = conv->kernel == 3 ? neighbourhood : NULL,
                                 .context = &map,
                                 .panels = conv->halves,
                                 .bias = conv->b,
                                 .start = accumulate ? out : NULL,
                                 .floor = relu ? 0 : -__builtin_inff(),
                                 .k = conv->kernel * conv->kernel * conv->n_in,
                                 .n = conv->n_out};
    bf16_multiply(conv->bf16, &product, n * (H / stride) * (W / stride), 0, conv->n_out);
}
