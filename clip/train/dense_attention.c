/* dense_attention.c: a tile is a head of an image, which owns its columns of all that it writes. */
#include "clip/train/dense_attention.h"

#include "clip/base/simd.h"
#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <math.h>
#include <stddef.h>

typedef struct {
    const DenseAttention *a;
    float *out;         /* forward */
    const float *d_out; /* backward */
    float *d_q, *d_kv, *scratch;
} Job;

/* Where a head of an image begins in each of the matrices. */
typedef struct {
    int D;
    size_t q, kv, out, probs;
} Head;

static Head head_of(const DenseAttention *a, int tile) {
    const size_t image = (size_t)(tile / a->n_heads), Q = (size_t)a->n_queries, T = (size_t)a->n_tokens;
    const int D = a->width / a->n_heads;
    const size_t column = (size_t)(tile % a->n_heads) * (size_t)D;
    return (Head){.D = D,
                  .q = image * Q * (size_t)a->q_stride + column,
                  .kv = image * T * (size_t)a->kv_stride + column,
                  .out = image * Q * (size_t)a->width + column,
                  .probs = (size_t)tile * Q * T};
}

static float scale_of(int D) {
    return 1.0f / sqrtf((float)D);
}

static void forward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const DenseAttention *a = job->a;
    const Head at = head_of(a, tile);
    const int Q = a->n_queries, T = a->n_tokens;
    const float *k = a->kv + at.kv, *v = k + a->width;
    float *p = a->probs + at.probs;
    gemm(false, true, Q, T, at.D, scale_of(at.D), a->q + at.q, a->q_stride, k, a->kv_stride, 0, p, T);
    for (int i = 0; i < Q; i++)
        softmax_row(p + (size_t)i * (size_t)T, T);
    gemm(false, false, Q, at.D, T, 1, p, T, v, a->kv_stride, 0, job->out + at.out, a->width);
}

/* d_s = scale p (d_p - sum p d_p), row by row; d_s (Q, T) comes as d_p. */
VECTOR_CLONES static void softmax_backward(float *d_s, const float *p, float scale, int Q, int T) {
    for (int i = 0; i < Q; i++, d_s += T, p += T) {
        float mean = 0;
#pragma omp simd reduction(+ : mean)
        for (int t = 0; t < T; t++)
            mean += p[t] * d_s[t];
#pragma omp simd
        for (int t = 0; t < T; t++)
            d_s[t] = scale * p[t] * (d_s[t] - mean);
    }
}

/* s = scale q k^T, p = softmax(s), o = p v:
 *   d_v = p^T d_o,  d_p = d_o v^T,  d_q = d_s k,  d_k = d_s^T q */
static void backward_tile(void *context, int tile, int worker) {
    const Job *job = context;
    const DenseAttention *a = job->a;
    const Head at = head_of(a, tile);
    const int Q = a->n_queries, T = a->n_tokens, C = a->width;
    const float *k = a->kv + at.kv, *v = k + C, *p = a->probs + at.probs, *d_o = job->d_out + at.out;
    float *d_k = job->d_kv + at.kv, *d_v = d_k + C;
    float *d_s = job->scratch + (size_t)worker * (size_t)Q * (size_t)T;
    gemm(true, false, T, at.D, Q, 1, p, T, d_o, C, 0, d_v, a->kv_stride);
    gemm(false, true, Q, T, at.D, 1, d_o, C, v, a->kv_stride, 0, d_s, T);
    softmax_backward(d_s, p, scale_of(at.D), Q, T);
    gemm(false, false, Q, at.D, T, 1, d_s, T, k, a->kv_stride, 0, job->d_q + at.q, a->q_stride);
    gemm(true, false, T, at.D, Q, 1, d_s, T, a->q + at.q, a->q_stride, 0, d_k, a->kv_stride);
}

void dense_attention_forward(Pool *pool, float *out, const DenseAttention *attention) {
    Job job = {.a = attention, .out = out};
    pool_run(pool, attention->n_images * attention->n_heads, forward_tile, &job);
}

void dense_attention_backward(Pool *pool, float *d_q, float *d_kv, float *scratch, const float *d_out,
                              const DenseAttention *attention) {
    Job job = {.a = attention, .d_out = d_out, .d_q = d_q, .d_kv = d_kv, .scratch = scratch};
    pool_run(pool, attention->n_images * attention->n_heads, backward_tile, &job);
}
