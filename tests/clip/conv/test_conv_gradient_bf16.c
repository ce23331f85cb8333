/* Sums over some pixels in bfloat16, of numbers that need no rounding: some lines of an image, and images
 * that share a line of zeros; room that is filled with what is no number, where no pixel is. */
#include "clip/conv/conv_gradient_bf16.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { N = 4, N_IN = 35, N_OUT = 20, FIRST = 3, CHANNELS = 14, WIDTH = 48 };

static int in_at(const float *in, int side, int image, int y, int x, int channel) {
    if (y < 0 || y >= side || x < 0 || x >= side)
        return 0;
    return (int)in[((image * side + y) * side + x) * N_IN + channel];
}

static int want_sum(const ConvPixels *p, const float *d_out, const float *in, int o, int tap, int channel) {
    const int dy = p->taps == 1 ? 0 : tap / 3 - 1, dx = p->taps == 1 ? 0 : tap % 3 - 1;
    int sum = 0;
    for (int i = p->image; i < p->image + p->images; i++)
        for (int y = p->row; y < p->row + p->rows; y++)
            for (int x = 0; x < p->side; x++)
                sum += (int)d_out[((i * p->side + y) * p->side + x) * N_OUT + o] *
                       in_at(in, p->side, i, y + dy, x + dx, channel);
    return sum;
}

static void check(Bf16Kernel kernel, ConvPixels pixels) {
    Arena *arena = arena_create();
    const size_t area = (size_t)pixels.side * (size_t)pixels.side;
    float *d_out = arena_floats(arena, N * area, N_OUT), *in = arena_floats(arena, N * area, N_IN);
    for (size_t i = 0; i < N * area * N_OUT; i++)
        d_out[i] = (float)((int)(i * 7 % 11) - 5);
    for (size_t i = 0; i < N * area * N_IN; i++)
        in[i] = (float)((int)(i * 5 % 13) - 6);
    const ConvBf16Sizes sizes = conv_gradient_bf16_sizes(&pixels, CHANNELS);
    uint16_t *left = arena_alloc(arena, sizes.left, sizeof *left);
    uint16_t *right = arena_alloc(arena, sizes.right, sizeof *right);
    const float **lines = arena_alloc(arena, sizes.lines, sizeof *lines);
    memset(left, 0xff, sizes.left * sizeof *left);
    memset(right, 0xff, sizes.right * sizeof *right);
    float *sums = arena_floats(arena, (size_t)CHANNELS * (size_t)pixels.taps, WIDTH);
    for (int i = 0; i < CHANNELS * pixels.taps * WIDTH; i++)
        sums[i] = 1; /* is added to */
    const ConvGradientBf16 g = {kernel,   pixels, d_out, in,   N_IN,  N_OUT, FIRST,
                                CHANNELS, WIDTH,  sums,  left, right, lines};
    conv_gradient_bf16(&g);
    for (int o = 0; o < CHANNELS; o++)
        for (int tap = 0; tap < pixels.taps; tap++)
            for (int i = 0; i < WIDTH; i++) {
                const int sum = i < N_IN ? want_sum(&pixels, d_out, in, FIRST + o, tap, i) : 0;
                assert_true(sums[(o * pixels.taps + tap) * WIDTH + i] == (float)(1 + sum));
            }
    arena_free(arena);
}

static void test_pixels(void **state) {
    (void)state;
    const ConvPixels cases[] = {{1, 5, 2, 1, 1, 3}, {9, 5, 2, 1, 1, 3}, {9, 6, 0, 1, 0, 6},
                                {9, 6, 3, 1, 5, 1}, {1, 7, 1, 3, 0, 7}, {9, 7, 1, 3, 0, 7},
                                {9, 8, 0, 4, 0, 8}, {9, 1, 0, 2, 0, 1}};
    const Bf16Kernel kernels[] = {BF16_AVX512, BF16_AMX};
    for (int k = 0; k < 2; k++)
        for (size_t i = 0; bf16_can_multiply(kernels[k]) && i < sizeof cases / sizeof *cases; i++)
            check(kernels[k], cases[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_pixels)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
