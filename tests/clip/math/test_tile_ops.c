/* Linear layers and attention of an image tower, against sums written out in double. */
#include "clip/math/tile_ops.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static float *normal(Arena *arena, size_t n, uint32_t seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 1, seed);
    return x;
}

static void naive_linear(float *out, const float *in, const float *w, const float *bias, int rows, int n_in,
                         int n_out, bool accumulate) {
    for (int r = 0; r < rows; r++) {
        for (int o = 0; o < n_out; o++) {
            double sum = (bias ? bias[o] : 0) + (accumulate ? out[r * n_out + o] : 0);
            for (int i = 0; i < n_in; i++)
                sum += (double)in[r * n_in + i] * w[o * n_in + i];
            out[r * n_out + o] = (float)sum;
        }
    }
}

/* One row and several, one image and several, one block of columns and several. */
static void test_linear(void **state) {
    (void)state;
    const int sizes[][4] = {
        {1, 1, 3, 5}, {1, 7, 33, 40}, {3, 5, 20, 1100}, {4, 1, 70, 513}, {2, 17, 64, 512}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (int mode = 0; mode < 4; mode++) {
            const int n = sizes[s][0], rows = sizes[s][1], n_in = sizes[s][2], n_out = sizes[s][3];
            const size_t size = (size_t)n * rows * n_out;
            Arena *arena = arena_create();
            float *in = normal(arena, (size_t)n * rows * n_in, 1),
                  *w = normal(arena, (size_t)n_out * n_in, 2);
            const float *bias = mode & 1 ? normal(arena, (size_t)n_out, 3) : NULL;
            float *got = normal(arena, size, 4), *want = arena_floats(arena, size, 1);
            memcpy(want, got, size * sizeof *got);
            tile_linear_forward(got, in, w, bias, n, rows, n_in, n_out, mode & 2);
            naive_linear(want, in, w, bias, n * rows, n_in, n_out, mode & 2);
            assert_close("linear", got, want, size, 1e-6);
            arena_free(arena);
        }
    }
}

/* out (Q, C) by its definition; qkv (T, 3C) */
static void naive_attention(float *out, const float *qkv, int Q, int T, int C, int H) {
    const int D = C / H;
    double p[64];
    for (int h = 0; h < H; h++) {
        for (int t = 0; t < Q; t++) {
            double total = 0;
            for (int u = 0; u < T; u++) {
                double score = 0;
                for (int d = 0; d < D; d++)
                    score += (double)qkv[t * 3 * C + h * D + d] * qkv[u * 3 * C + C + h * D + d];
                p[u] = exp(score / sqrt(D));
                total += p[u];
            }
            for (int d = 0; d < D; d++) {
                double sum = 0;
                for (int u = 0; u < T; u++)
                    sum += p[u] / total * qkv[u * 3 * C + 2 * C + h * D + d];
                out[t * C + h * D + d] = (float)sum;
            }
        }
    }
}

static void test_attention(void **state) {
    (void)state;
    const int sizes[][4] = {{1, 1, 64, 1}, {5, 5, 128, 2}, {1, 17, 192, 3}, {50, 50, 64, 1}, {7, 19, 24, 4}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int Q = sizes[s][0], T = sizes[s][1], C = sizes[s][2], H = sizes[s][3];
        Arena *arena = arena_create();
        float *qkv = normal(arena, (size_t)T * 3 * C, 9), *scores = arena_floats(arena, (size_t)Q, (size_t)T);
        float *got = arena_floats(arena, (size_t)Q, (size_t)C),
              *want = arena_floats(arena, (size_t)Q, (size_t)C);
        tile_attention_forward(got, qkv, 3 * C, qkv + C, 3 * C, scores, Q, T, C, H);
        naive_attention(want, qkv, Q, T, C, H);
        assert_close("attention", got, want, (size_t)Q * C, 2e-6);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_attention),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
