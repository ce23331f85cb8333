/* Convolutions and average pools, against loops written out in double. */
#include "clip/math/conv.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    int H, W, n_in, n_out, kernel, stride;
} Size;

/* out (H/stride, W/stride, n_out); in (H, W, n_in); w (kernel, kernel, n_in, n_out) */
static void naive_conv(float *out, const float *in, const ConvWeights *conv, Size s, bool accumulate,
                       bool relu) {
    const int pad = s.kernel / 2;
    for (int y = 0; y < s.H / s.stride; y++)
        for (int x = 0; x < s.W / s.stride; x++)
            for (int o = 0; o < s.n_out; o++, out++) {
                double sum = conv->b[o] + (accumulate ? *out : 0);
                for (int i = 0; i < s.kernel * s.kernel * s.n_in; i++) {
                    const int v = y * s.stride + i / s.n_in / s.kernel - pad;
                    const int u = x * s.stride + i / s.n_in % s.kernel - pad;
                    if (v >= 0 && v < s.H && u >= 0 && u < s.W)
                        sum += (double)in[(v * s.W + u) * s.n_in + i % s.n_in] * conv->w[i * s.n_out + o];
                }
                *out = (float)(relu && sum < 0 ? 0 : sum);
            }
}

/* Borders of every kind, one chunk and several, both strides, every channel count from 1. */
static void test_conv(void **state) {
    (void)state;
    const Size sizes[] = {{1, 1, 2, 3, 3, 1},   {2, 2, 1, 1, 3, 2},   {4, 6, 3, 5, 3, 2},
                          {7, 7, 4, 9, 3, 1},   {1, 9, 3, 2, 3, 1},   {9, 1, 3, 2, 3, 1},
                          {26, 40, 5, 7, 3, 1}, {50, 62, 3, 8, 3, 2}, {24, 32, 33, 6, 3, 1},
                          {5, 6, 20, 11, 1, 1}, {30, 41, 8, 17, 1, 1}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        for (int mode = 0; mode < 4; mode++) {
            const Size s = sizes[i];
            const size_t out_size = (size_t)(s.H / s.stride) * (s.W / s.stride) * s.n_out;
            Arena *arena = arena_create();
            float *in = arena_floats(arena, (size_t)s.H * s.W, (size_t)s.n_in);
            float *w = arena_floats(arena, (size_t)s.kernel * s.kernel * s.n_in, (size_t)s.n_out);
            float *b = arena_floats(arena, (size_t)s.n_out, 1), *scratch = NULL;
            float *got = arena_floats(arena, out_size, 1), *want = arena_floats(arena, out_size, 1);
            if (s.kernel == 3)
                scratch = arena_floats(arena, conv_scratch_size(s.n_in), 1);
            fill_normal(in, (size_t)s.H * s.W * s.n_in, 1, 1);
            fill_normal(w, (size_t)s.kernel * s.kernel * s.n_in * s.n_out, 1, 2);
            fill_normal(b, (size_t)s.n_out, 1, 3);
            for (int o = 0; o < s.n_out; o++) /* so that no result is all zero */
                b[o] += 1;
            fill_normal(got, out_size, 1, 4);
            memcpy(want, got, out_size * sizeof *got);
            const ConvWeights conv = {.n_in = s.n_in, .n_out = s.n_out, .kernel = s.kernel, .w = w, .b = b};
            conv_forward(got, in, &conv, s.H, s.W, s.stride, mode & 1, mode & 2, scratch);
            naive_conv(want, in, &conv, s, mode & 1, mode & 2);
            assert_close("conv", got, want, out_size, 1e-6);
            arena_free(arena);
        }
    }
}

static void test_avg_pool(void **state) {
    (void)state;
    enum { H = 6, W = 10, C = 19 };
    Arena *arena = arena_create();
    float *in = arena_floats(arena, H * W, C);
    float *got = arena_floats(arena, H * W / 4, C), *want = arena_floats(arena, H * W / 4, C);
    fill_normal(in, (size_t)H * W * C, 1, 1);
    for (int i = 0; i < H * W * C; i++) {
        const int y = i / C / W, x = i / C % W;
        want[(y / 2 * (W / 2) + x / 2) * C + i % C] += in[i] / 4;
    }
    avg_pool_forward(got, in, H, W, C);
    assert_close("pool", got, want, (size_t)H * W / 4 * C, 1e-6);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_avg_pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
