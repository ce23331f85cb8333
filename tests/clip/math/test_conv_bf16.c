/* Convolutions in bfloat16: numbers that are such already give what float gives, for every kernel this
 * processor has; and an image has bits of its own. */
#include "clip/math/conv_bf16.h"

#include "clip/math/conv.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    int n, H, W, n_in, n_out, kernel, stride;
} Size;

/* Borders of every kind; panels that are cut; taps that begin and end inside a step of 32, and that a block
 * of 2048 cuts; rows in one buffer and in several. */
static const Size SIZES[] = {{1, 1, 1, 2, 3, 3, 1},    {3, 2, 4, 1, 16, 3, 2},   {2, 5, 7, 5, 40, 3, 1},
                             {1, 26, 20, 3, 64, 3, 2}, {2, 9, 11, 33, 70, 3, 1}, {3, 3, 3, 300, 8, 3, 1},
                             {5, 7, 7, 33, 130, 1, 1}, {2, 3, 5, 2100, 9, 1, 1}};
enum { N_SIZES = sizeof SIZES / sizeof *SIZES };

/* n numbers that are bfloat16 already */
static float *draw(Arena *arena, size_t n, uint32_t seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 1, seed);
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits &= 0xffff0000u;
        memcpy(x + i, &bits, sizeof bits);
    }
    return x;
}

static void check(Bf16Kernel kernel, Size s, bool accumulate, bool relu) {
    Arena *arena = arena_create();
    const size_t n = (size_t)s.n, in_size = (size_t)s.H * s.W * s.n_in;
    const size_t out_size = (size_t)(s.H / s.stride) * (s.W / s.stride) * s.n_out;
    const int k = s.kernel * s.kernel * s.n_in;
    float *in = draw(arena, n * in_size, 1), *start = draw(arena, n * out_size, 2);
    float *w = draw(arena, (size_t)k * s.n_out, 3), *b = draw(arena, (size_t)s.n_out, 4);
    float *got = arena_floats(arena, n, out_size), *want = arena_floats(arena, n, out_size);
    float *alone = arena_floats(arena, n, out_size);
    float *scratch = arena_floats(arena, conv_scratch_size(s.n_in), 1);
    for (int o = 0; o < s.n_out; o++) /* so that no result is all zero */
        b[o] += 1;
    const ConvWeights conv = {.n_in = s.n_in,
                              .n_out = s.n_out,
                              .kernel = s.kernel,
                              .w = w,
                              .b = b,
                              .halves = bf16_pack(w, k, s.n_out, false, arena),
                              .bf16 = kernel};
    memcpy(got, start, n * out_size * sizeof *got);
    memcpy(want, start, n * out_size * sizeof *want);
    memcpy(alone, start, n * out_size * sizeof *alone);
    conv_bf16_forward(got, in, &conv, s.n, s.H, s.W, s.stride, accumulate, relu);
    for (size_t i = 0; i < n; i++) {
        conv_forward(want + i * out_size, in + i * in_size, &conv, s.H, s.W, s.stride, accumulate, relu,
                     scratch);
        conv_bf16_forward(alone + i * out_size, in + i * in_size, &conv, 1, s.H, s.W, s.stride, accumulate,
                          relu);
    }
    assert_close("conv", got, want, n * out_size, 2e-6);
    assert_memory_equal(alone, got, n * out_size * sizeof *got);
    arena_free(arena);
}

static void check_all(Bf16Kernel kernel) {
    for (int i = 0; i < N_SIZES; i++)
        for (int mode = 0; mode < 4; mode++)
            check(kernel, SIZES[i], mode & 1, mode & 2);
}

static void conv_is_that_of_float(void **state) {
    (void)state;
    if (bf16_can_multiply(BF16_AVX512))
        check_all(BF16_AVX512);
    else
        printf("not tested: this processor has no AVX-512 BF16\n");
    if (bf16_can_multiply(BF16_AMX))
        check_all(BF16_AMX);
    else
        printf("not tested: this processor has no AMX\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(conv_is_that_of_float)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
