/* attention_bf16.c: see attention_bf16.h
 *
 * Keys and values of the head are packed once and stay in the first-level cache, or nearly. Queries meet them
 * some rows at a time, and what belongs to these stays in the second-level cache: their scores, the weights
 * in place of the scores, and the sums of values.
 */
#include "clip/math/attention_bf16.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"
#include "clip/math/exp_vector.h"

#include <math.h>
#include <string.h>

enum { MOST_ROWS = 64 /* queries at a time; a multiple of 32, as bf16_block wants */ };

AttentionScratch attention_scratch(int T, int D, Arena *arena) {
    const size_t keys = (size_t)bf16_padded(T), size = (size_t)bf16_padded(D);
    return (AttentionScratch){.keys = arena_alloc(arena, keys * size, sizeof(uint16_t)),
                              .values = arena_alloc(arena, keys * size, sizeof(uint16_t)),
                              .queries = arena_alloc(arena, MOST_ROWS * size, sizeof(uint16_t)),
                              .weights = arena_alloc(arena, MOST_ROWS * keys, sizeof(uint16_t)),
                              .scores = arena_floats(arena, MOST_ROWS, keys)};
}

/* A row of n scores becomes e^(scale (score - largest)). */
VECTOR_CLONES static void exponentials(float *row, int n, float scale) {
    float max = row[0];
#pragma omp simd reduction(max : max)
    for (int i = 1; i < n; i++)
        max = row[i] > max ? row[i] : max;
#pragma omp simd
    for (int i = 0; i < n; i++)
        row[i] = exp_vector((row[i] - max) * scale);
}

/* The sum of n numbers in bfloat16. */
VECTOR_CLONES static float sum_of(const uint16_t *numbers, int n) {
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < n; i++) {
        const uint32_t bits = (uint32_t)numbers[i] << 16;
        float number;
        memcpy(&number, &bits, sizeof number);
        sum += number;
    }
    return sum;
}

VECTOR_CLONES static void divide(float *row, int n, float by) {
    const float scale = 1.0f / by;
#pragma omp simd
    for (int i = 0; i < n; i++)
        row[i] *= scale;
}

static void pack_head(const AttentionHead *h, const AttentionScratch *s) {
    const size_t keys = (size_t)bf16_padded(h->T), size = (size_t)bf16_padded(h->D);
    for (int t = 0; t < h->T; t += BF16_PANEL)
        bf16_right(s->keys + (size_t)t * size, h->k + (size_t)t * (size_t)h->kv_stride, h->kv_stride, true,
                   h->D, min_int(BF16_PANEL, h->T - t));
    for (int d = 0; d < h->D; d += BF16_PANEL)
        bf16_right(s->values + (size_t)d * keys, h->v + d, h->kv_stride, false, h->T,
                   min_int(BF16_PANEL, h->D - d));
}

/* out (rows, n), ldc apart = a (rows, k) times a matrix (k, n) in panels */
static void multiply(Bf16Kernel kernel, float *out, int ldc, const uint16_t *a, const uint16_t *panels,
                     int rows, int k, int n) {
    for (int j = 0; j < n; j += BF16_PANEL)
        bf16_block(kernel, &(Bf16Block){.out = out + j,
                                        .a = a,
                                        .panel = panels + bf16_place(k, 0, j),
                                        .ldc = ldc,
                                        .rows = rows,
                                        .k = k,
                                        .columns = n - j});
}

/* Queries first .. first + rows - 1. */
static void attend(Bf16Kernel kernel, const AttentionHead *h, const AttentionScratch *s, int first,
                   int rows) {
    const int keys = bf16_padded(h->T);
    const float scale = 1.0f / sqrtf((float)h->D);
    float *out = h->out + (size_t)first * (size_t)h->out_stride;
    bf16_left(s->queries, h->q + (size_t)first * (size_t)h->q_stride, h->q_stride, false, rows, h->D);
    multiply(kernel, s->scores, keys, s->queries, s->keys, rows, h->D, h->T);
    for (int i = 0; i < rows; i++)
        exponentials(s->scores + (size_t)i * (size_t)keys, h->T, scale);
    bf16_left(s->weights, s->scores, keys, false, rows, h->T);
    multiply(kernel, out, h->out_stride, s->weights, s->values, rows, h->T, h->D);
    for (int i = 0; i < rows; i++)
        divide(out + (size_t)i * (size_t)h->out_stride, h->D,
               sum_of(s->weights + (size_t)i * (size_t)keys, keys));
}

/* Rows are cut as evenly as can be: each cut costs as much whatever its rows. */
void attention_bf16_head(Bf16Kernel kernel, const AttentionHead *head, const AttentionScratch *scratch) {
    const int step = ceil_div(head->Q, ceil_div(head->Q, MOST_ROWS));
    pack_head(head, scratch);
    for (int first = 0; first < head->Q; first += step)
        attend(kernel, head, scratch, first, min_int(step, head->Q - first));
}
