/* tile_ops.c: see tile_ops.h */
#include "clip/math/tile_ops.h"

#include "clip/base/minimum.h"
#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_COLUMNS 192 /* of one GEMM: a part of a usual width, for a thread */

int tile_count(int n, int most, int workers) {
    return min_int(n, ceil_div(n, most * workers) * workers);
}

int tile_first(int n, int n_tiles, int tile) {
    return (int)((int64_t)n * tile / n_tiles);
}

typedef struct {
    float *out;
    const float *in, *w;
    int rows, n_in, n_out;
} Linear;

static void linear_block(void *context, int block, int worker) {
    (void)worker;
    const Linear *l = context;
    const int first = block * BLOCK_COLUMNS;
    gemm(false, true, l->rows, min_int(BLOCK_COLUMNS, l->n_out - first), l->n_in, 1.0f, l->in, l->n_in,
         l->w + (size_t)first * (size_t)l->n_in, l->n_in, 0.0f, l->out + first, l->n_out);
}

void tile_linear_forward(Pool *pool, float *out, const float *in, const float *w, int rows, int n_in,
                         int n_out) {
    Linear linear = {out, in, w, rows, n_in, n_out};
    pool_run(pool, ceil_div(n_out, BLOCK_COLUMNS), linear_block, &linear);
}

void tile_attention_head(const AttentionHead *h, float *scores) {
    gemm(false, true, h->Q, h->T, h->D, 1.0f / sqrtf((float)h->D), h->q, h->q_stride, h->k, h->kv_stride,
         0.0f, scores, h->T);
    for (int t = 0; t < h->Q; t++)
        softmax_row(scores + (size_t)t * (size_t)h->T, h->T);
    gemm(false, false, h->Q, h->D, h->T, 1.0f, scores, h->T, h->v, h->kv_stride, 0.0f, h->out, h->out_stride);
}
