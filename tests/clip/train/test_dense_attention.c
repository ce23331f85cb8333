/* Attention within images: against the formula in double and its central differences; rows between heads and
 * behind the columns in use are left alone; the same bits for any number of threads. */
#include "clip/train/dense_attention.h"

#include "clip/base/arena.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { IMAGES = 2, T = 7, H = 3, D = 5, C = H * D, STRIDE = 3 * C };

/* out (Q, C) of one image, in double */
static void formula(double *out, const double *q, const double *kv, int Q) {
    for (int i = 0; i < Q * H; i++) {
        const int row = i / H, h = i % H;
        double p[T], sum = 0;
        for (int t = 0; t < T; t++) {
            double score = 0;
            for (int d = h * D; d < (h + 1) * D; d++)
                score += q[row * C + d] * kv[t * 2 * C + d] / sqrt(D);
            sum += p[t] = exp(score);
        }
        for (int d = h * D; d < (h + 1) * D; d++) {
            out[row * C + d] = 0;
            for (int t = 0; t < T; t++)
                out[row * C + d] += p[t] / sum * kv[(t * 2 + 1) * C + d];
        }
    }
}

typedef struct {
    Arena *arena;
    int Q;
    float *qkv, *d_qkv, *probs, *out, *d_out, *scratch;
    DenseAttention a;
} Bench;

static Bench open_bench(int Q, int threads) {
    Bench b = {.arena = arena_create(), .Q = Q};
    b.qkv = arena_floats(b.arena, IMAGES * T, STRIDE);
    b.d_qkv = arena_floats(b.arena, IMAGES * T, STRIDE);
    b.probs = arena_floats(b.arena, IMAGES * H * T, T);
    b.out = arena_floats(b.arena, IMAGES * T, C);
    b.d_out = arena_floats(b.arena, IMAGES * T, C);
    b.scratch = arena_floats(b.arena, (size_t)threads * T, T);
    fill_normal(b.qkv, IMAGES * T * STRIDE, 1, 1);
    fill_normal(b.d_out, IMAGES * T * C, 1, 2);
    for (int i = 0; i < IMAGES * T * STRIDE; i++)
        b.d_qkv[i] = NAN;
    b.a = (DenseAttention){.n_images = IMAGES,
                           .n_tokens = T,
                           .n_queries = Q,
                           .n_heads = H,
                           .width = C,
                           .q = b.qkv,
                           .kv = b.qkv + C,
                           .q_stride = STRIDE,
                           .kv_stride = STRIDE,
                           .probs = b.probs};
    return b;
}

/* The q (Q, C) and kv (T, 2C) of an image out of a matrix with rows of both. */
static void split(double *q, double *kv, const float *qkv, int image, int Q) {
    for (int i = 0; i < Q * C; i++)
        q[i] = (double)qkv[(image * Q + i / C) * STRIDE + i % C];
    for (int i = 0; i < T * 2 * C; i++)
        kv[i] = (double)qkv[(image * T + i / (2 * C)) * STRIDE + C + i % (2 * C)];
}

static double loss(const double *q, const double *kv, const float *d_out, int Q) {
    double out[T * C], sum = 0;
    formula(out, q, kv, Q);
    for (int i = 0; i < Q * C; i++)
        sum += out[i] * (double)d_out[i];
    return sum;
}

static void differences(float *d, double *x, int n, const double *q, const double *kv, const float *d_out,
                        int Q) {
    for (int i = 0; i < n; i++) {
        const double at = x[i], step = 1e-5;
        x[i] = at + step;
        const double above = loss(q, kv, d_out, Q);
        x[i] = at - step;
        d[i] = (float)((above - loss(q, kv, d_out, Q)) / (2 * step));
        x[i] = at;
    }
}

static void check(int Q) {
    Pool *pool = pool_create(2);
    Bench b = open_bench(Q, 2);
    dense_attention_forward(pool, b.out, &b.a);
    dense_attention_backward(pool, b.d_qkv, b.d_qkv + C, b.scratch, b.d_out, &b.a);
    for (int image = 0; image < IMAGES; image++) {
        double q[T * C], kv[T * 2 * C], d_q[T * C], d_kv[T * 2 * C], out[T * C];
        float want[T * 2 * C], got[T * 2 * C];
        const float *d_out = b.d_out + image * Q * C;
        split(q, kv, b.qkv, image, Q);
        split(d_q, d_kv, b.d_qkv, image, Q);
        formula(out, q, kv, Q);
        for (int i = 0; i < Q * C; i++)
            want[i] = (float)out[i];
        assert_close("out", b.out + image * Q * C, want, (size_t)(Q * C), 1e-6);
        differences(want, q, Q * C, q, kv, d_out, Q);
        for (int i = 0; i < Q * C; i++)
            got[i] = (float)d_q[i];
        assert_close("d_q", got, want, (size_t)(Q * C), 1e-5);
        differences(want, kv, T * 2 * C, q, kv, d_out, Q);
        for (int i = 0; i < T * 2 * C; i++)
            got[i] = (float)d_kv[i];
        assert_close("d_kv", got, want, T * 2 * C, 1e-5);
    }
    pool_free(pool);
    arena_free(b.arena);
}

static void test_formula(void **state) {
    (void)state;
    check(T);
    check(1);
}

static void test_threads(void **state) {
    (void)state;
    Bench one = open_bench(T, 1), three = open_bench(T, 3);
    Pool *pool = pool_create(3);
    dense_attention_forward(NULL, one.out, &one.a);
    dense_attention_backward(NULL, one.d_qkv, one.d_qkv + C, one.scratch, one.d_out, &one.a);
    dense_attention_forward(pool, three.out, &three.a);
    dense_attention_backward(pool, three.d_qkv, three.d_qkv + C, three.scratch, three.d_out, &three.a);
    assert_memory_equal(one.out, three.out, IMAGES * T * C * sizeof(float));
    assert_memory_equal(one.d_qkv, three.d_qkv, IMAGES * T * STRIDE * sizeof(float));
    pool_free(pool);
    arena_free(one.arena);
    arena_free(three.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_formula), cmocka_unit_test(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
