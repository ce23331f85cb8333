/* attention_bf16.c: see attention_bf16.h
 *
 * Keys and values of the head are packed once and stay in the first-level cache, or nearly. Queries meet them
 * some rows at a time, and what belongs to these stays in the second-level cache: their scores, their
 * weights, and the sums of values.
 */
#include "clip/math/attention_bf16.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"

#include <assert.h>
#include <math.h>

enum { MOST_ROWS = 64 /* queries at a time; a multiple of 32, as bf16_block wants */ };

AttentionScratch attention_scratch(int T, int D, Arena *arena) {
    const size_t keys = (size_t)bf16_padded(T), size = (size_t)bf16_padded(D);
    return (AttentionScratch){.keys = arena_alloc(arena, keys * size, sizeof(uint16_t)),
                              .values = arena_alloc(arena, keys * size, sizeof(uint16_t)),
                              .queries = arena_alloc(arena, MOST_ROWS * size, sizeof(uint16_t)),
                              .weights = arena_alloc(arena, MOST_ROWS * keys, sizeof(uint16_t)),
                              .scores = arena_floats(arena, MOST_ROWS, keys),
                              .sums = arena_floats(arena, MOST_ROWS, 1)};
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

#define LOG2_E 1.44269504f

/* 2^x for x <= 0, not below e^-80 as in exp_vector.h: x = n + r, and a polynomial for 2^r (fitted by least
 * squares, weighted until the relative error, 1e-7, was even), of which 2^0 is 1. A NaN stays. */
__attribute__((target(BF16_TARGET), always_inline)) static inline __m512 power_of_two(__m512 x) {
    x = _mm512_max_ps(_mm512_set1_ps(-80.0f * LOG2_E), x);
    const __m512 n = _mm512_roundscale_ps(x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const __m512 r = _mm512_sub_ps(x, n);
    __m512 p = _mm512_set1_ps(1.326472731e-3f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(9.671512991e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.550733581e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(2.402224243e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(6.931470037e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f));
    return _mm512_scalef_ps(p, n);
}

/* Which of the 16 numbers from `first` on are among n. */
static inline uint16_t those_of(int n, int first) {
    return n - first >= 16 ? 0xffff : n <= first ? 0 : (uint16_t)((1u << (n - first)) - 1);
}

/* The largest of a row of n scores; of a row with a NaN whatever, since the NaN itself is met later. */
__attribute__((target(BF16_TARGET))) static float largest_of(const float *row, int n) {
    const __m512 start = _mm512_set1_ps(row[0]);
    __m512 largest = start;
    for (int i = 0; i < n; i += 16)
        largest = _mm512_max_ps(_mm512_mask_loadu_ps(start, those_of(n, i), row + i), largest);
    return _mm512_reduce_max_ps(largest);
}

/* The weights of a row of n scores, and zeros up to a multiple of 32; returns the sum of them. */
__attribute__((target(BF16_TARGET))) static float row_weights(uint16_t *weights, const float *row, int n,
                                                              float scale) {
    const __m512 factor = _mm512_set1_ps(scale * LOG2_E), largest = _mm512_set1_ps(largest_of(row, n));
    const __m512bh ones = (__m512bh)_mm512_set1_epi16(0x3f80);
    __m512 sum = _mm512_setzero_ps();
    for (int i = 0; i < n; i += BF16_PANEL) {
        __m512 e[2];
        for (int half = 0; half < 2; half++) {
            const __mmask16 m = those_of(n, i + 16 * half);
            const __m512 below = _mm512_sub_ps(_mm512_maskz_loadu_ps(m, row + i + 16 * half), largest);
            e[half] = _mm512_maskz_mov_ps(m, power_of_two(_mm512_mul_ps(below, factor)));
        }
        const __m512bh both = _mm512_cvtne2ps_pbh(e[1], e[0]);
        sum = _mm512_dpbf16_ps(sum, both, ones);
        _mm512_storeu_si512(weights + i, (__m512i)both);
    }
    return _mm512_reduce_add_ps(sum);
}

#else

static float row_weights(uint16_t *weights, const float *row, int n, float scale) {
    (void)weights, (void)row, (void)n, (void)scale;
    assert(!"a kernel that nobody could choose");
    return 0;
}

#endif

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
        s->sums[i] = row_weights(s->weights + (size_t)i * (size_t)keys, s->scores + (size_t)i * (size_t)keys,
                                 h->T, scale);
    multiply(kernel, out, h->out_stride, s->weights, s->values, rows, h->T, h->D);
    for (int i = 0; i < rows; i++)
        divide(out + (size_t)i * (size_t)h->out_stride, h->D, s->sums[i]);
}

/* Rows are cut as evenly as can be: each cut costs as much whatever its rows. */
void attention_bf16_head(Bf16Kernel kernel, const AttentionHead *head, const AttentionScratch *scratch) {
    const int step = ceil_div(head->Q, ceil_div(head->Q, MOST_ROWS));
    pack_head(head, scratch);
    for (int first = 0; first < head->Q; first += step)
        attend(kernel, head, scratch, first, min_int(step, head->Q - first));
}
