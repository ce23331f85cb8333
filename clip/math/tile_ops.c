/* tile_ops.c: see tile_ops.h */
#include "clip/math/tile_ops.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

/* Output columns of one GEMM: their weights stay in the second-level cache for all images of the tile. */
enum { BLOCK_COLUMNS = 512 };

int tile_images(int n, int most, int workers) {
    const int rounds = (n + most * workers - 1) / (most * workers), tiles = rounds * workers;
    return n > tiles ? (n + tiles - 1) / tiles : 1;
}

/* out (n_images, n_out), for a single row of each: dot products read the weights once, whereas a GEMM would
 * pack them too. */
static void row_linear_forward(float *out, const float *in, const float *w, const float *bias, int n_images,
                               int n_in, int n_out, bool accumulate) {
    for (int j = 0; j < n_out; j++)
        for (int i = 0; i < n_images; i++) {
            float sum = dot(in + (size_t)i * n_in, w + (size_t)j * n_in, n_in) + (bias ? bias[j] : 0.0f);
            float *to = out + (size_t)i * n_out + j;
            *to = accumulate ? *to + sum : sum;
        }
}

static void bias_forward(float *out, const float *bias, size_t rows, size_t n_out, bool accumulate) {
    for (size_t r = 0; r < rows; r++)
        if (accumulate)
            add_rows(out + r * n_out, bias, n_out);
        else
            memcpy(out + r * n_out, bias, n_out * sizeof *out);
}

void tile_linear_forward(float *out, const float *in, const float *w, const float *bias, int n_images,
                         int rows, int n_in, int n_out, bool accumulate) {
    const size_t in_size = (size_t)rows * (size_t)n_in, out_size = (size_t)rows * (size_t)n_out;
    if (rows == 1) {
        row_linear_forward(out, in, w, bias, n_images, n_in, n_out, accumulate);
        return;
    }
    if (bias)
        bias_forward(out, bias, (size_t)n_images * (size_t)rows, (size_t)n_out, accumulate);
    const float beta = bias || accumulate ? 1.0f : 0.0f;
    for (int j = 0; j < n_out; j += BLOCK_COLUMNS) {
        const int n = n_out - j < BLOCK_COLUMNS ? n_out - j : BLOCK_COLUMNS;
        for (int i = 0; i < n_images; i++)
            gemm(false, true, rows, n, n_in, 1.0f, in + i * in_size, n_in, w + (size_t)j * n_in, n_in, beta,
                 out + i * out_size + j, n_out);
    }
}

void tile_attention_forward(float *out, const float *q, int q_stride, const float *kv, int kv_stride,
                            float *scores, int Q, int T, int C, int H) {
    const int D = C / H;
    const float scale = 1.0f / sqrtf((float)D);
    for (int h = 0; h < H; h++) {
        const size_t at = (size_t)h * (size_t)D;
        const float *k = kv + at, *v = k + C;
        gemm(false, true, Q, T, D, scale, q + at, q_stride, k, kv_stride, 0.0f, scores, T);
        for (int t = 0; t < Q; t++)
            softmax_row(scores + (size_t)t * T, T);
        gemm(false, false, Q, D, T, 1.0f, scores, T, v, kv_stride, 0.0f, out + at, C);
    }
}
