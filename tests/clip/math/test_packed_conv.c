/* Convolutions with packed weights: against those with weights as they lie, for both widths of vectors, and
 * against themselves in other company. */
#include "clip/math/packed_conv.h"

#include "clip/math/conv.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

typedef struct {
    int n, H, W, n_in, n_out, kernel, stride;
} Size;

/* Borders of every kind; panels and vectors that are cut; one part of a panel and several, by taps and by
 * channels; one chunk of pixels and several, which end inside an image. */
static const Size sizes[] = {{1, 1, 1, 2, 3, 3, 1},    {3, 2, 4, 1, 16, 3, 2},   {2, 5, 7, 5, 40, 3, 1},
                             {1, 6, 4, 3, 64, 3, 2},   {2, 9, 1, 20, 70, 3, 1},  {1, 4, 5, 180, 24, 3, 1},
                             {3, 3, 3, 520, 8, 3, 1},  {5, 7, 7, 33, 130, 1, 1}, {2, 20, 12, 600, 9, 1, 1},
                             {1, 1, 1, 1100, 65, 1, 1}};
enum { N_SIZES = sizeof sizes / sizeof *sizes };

typedef struct {
    Arena *arena;
    ConvWeights conv;
    float *in, *start, *out, *scratch;
    const float *zeros;
    size_t in_size, out_size; /* of one image */
} Case;

static Case case_create(Size s) {
    Case c = {.arena = arena_create()};
    const size_t n = (size_t)s.n, n_weights = (size_t)s.kernel * s.kernel * s.n_in * s.n_out;
    c.in_size = (size_t)s.H * s.W * s.n_in;
    c.out_size = (size_t)(s.H / s.stride) * (s.W / s.stride) * s.n_out;
    c.in = arena_floats(c.arena, n, c.in_size);
    c.start = arena_floats(c.arena, n, c.out_size);
    c.out = arena_floats(c.arena, n, c.out_size);
    c.scratch = arena_floats(c.arena, conv_scratch_size(s.n_in), 1);
    c.zeros = arena_floats(c.arena, (size_t)s.n_in, 1);
    float *w = arena_floats(c.arena, n_weights, 1), *b = arena_floats(c.arena, (size_t)s.n_out, 1);
    float *panels = arena_floats(c.arena, packed_conv_size(s.n_in, s.n_out, s.kernel), 1);
    fill_normal(c.in, n * c.in_size, 1, 1);
    fill_normal(w, n_weights, 1, 2);
    fill_normal(b, (size_t)s.n_out, 1, 3);
    for (int o = 0; o < s.n_out; o++) /* so that no result is all zero */
        b[o] += 1;
    fill_normal(c.start, n * c.out_size, 1, 4);
    c.conv = (ConvWeights){.n_in = s.n_in, .n_out = s.n_out, .kernel = s.kernel, .w = w, .b = b};
    packed_conv_pack(panels, &c.conv);
    c.conv.panels = panels;
    return c;
}

static void check(int floats, Size s) {
    Case c = case_create(s);
    float *want = arena_floats(c.arena, c.out_size, 1);
    for (int mode = 0; mode < 4; mode++) {
        memcpy(c.out, c.start, (size_t)s.n * c.out_size * sizeof *c.out);
        assert_true(packed_conv_forward_as(floats, c.out, c.in, &c.conv, s.n, s.H, s.W, s.stride, mode & 1,
                                           mode & 2, c.zeros));
        for (size_t i = 0; i < (size_t)s.n; i++) {
            memcpy(want, c.start + i * c.out_size, c.out_size * sizeof *want);
            conv_forward(want, c.in + i * c.in_size, &c.conv, s.H, s.W, s.stride, mode & 1, mode & 2,
                         c.scratch);
            assert_close("conv", c.out + i * c.out_size, want, c.out_size, 2e-6);

            memcpy(want, c.start + i * c.out_size, c.out_size * sizeof *want);
            packed_conv_forward_as(floats, want, c.in + i * c.in_size, &c.conv, 1, s.H, s.W, s.stride,
                                   mode & 1, mode & 2, c.zeros);
            assert_memory_equal(want, c.out + i * c.out_size, c.out_size * sizeof *want);
        }
    }
    arena_free(c.arena);
}

/* Whether this processor has vectors of so many floats; says so where it has not. */
static bool has_vectors(int floats) {
    const float zeros[2] = {0}, one = 1;
    float out[1], panels[3 * 64] = {0};
    const ConvWeights conv = {.n_in = 1, .n_out = 1, .kernel = 1, .panels = panels};
    const bool has = packed_conv_forward_as(floats, out, &one, &conv, 1, 1, 1, 1, false, false, zeros);
    if (!has)
        print_message("no vectors of %d floats here\n", floats);
    return has;
}

static void test_conv(void **state) {
    (void)state;
    for (int floats = 8; floats <= 16; floats *= 2)
        for (int i = 0; has_vectors(floats) && i < N_SIZES; i++)
            check(floats, sizes[i]);
}

/* A ReLU must not turn a NaN into a zero. */
static void test_nan(void **state) {
    (void)state;
    for (int floats = 8; floats <= 16; floats *= 2) {
        if (!has_vectors(floats))
            continue;
        Case c = case_create((Size){1, 3, 3, 4, 20, 1, 1});
        c.in[5] = NAN;
        packed_conv_forward_as(floats, c.out, c.in, &c.conv, 1, 3, 3, 1, false, true, c.zeros);
        for (int i = 0; i < 9 * 20; i++)
            assert_int_equal(isnan(c.out[i]) != 0, i / 20 == 1);
        arena_free(c.arena);
    }
}

/* What packed_conv_forward chooses is one of the two. */
static void test_choice(void **state) {
    (void)state;
    if (packed_conv_size(5, 40, 3) == 0) {
        print_message("no kernels here\n");
        return;
    }
    Case c = case_create(sizes[2]);
    const Size s = sizes[2];
    float *want = arena_floats(c.arena, 2, c.out_size);
    packed_conv_forward(c.out, c.in, &c.conv, s.n, s.H, s.W, 1, false, true, c.zeros);
    assert_true(packed_conv_forward_as(16, want, c.in, &c.conv, s.n, s.H, s.W, 1, false, true, c.zeros) ||
                packed_conv_forward_as(8, want, c.in, &c.conv, s.n, s.H, s.W, 1, false, true, c.zeros));
    assert_memory_equal(c.out, want, 2 * c.out_size * sizeof *want);
    arena_free(c.arena);
}

static void copy_panel(const void *context, float *panel, int index) {
    const ConvWeights *conv = context;
    const size_t size = packed_conv_place(conv->n_in, conv->kernel, PACKED_CONV_PANEL);
    memcpy(panel, conv->panels + (size_t)index * size, size * sizeof *panel);
}

/* By all threads, and with panels that are made for each pass, the bits are the same. */
static void test_shared(void **state) {
    (void)state;
    Pool *pool = pool_create(3);
    for (int i = 0; i < N_SIZES && packed_conv_size(1, 1, 1) > 0; i++) {
        const Size s = sizes[i];
        Case c = case_create(s);
        const size_t n = (size_t)s.n * c.out_size;
        float *want = arena_floats(c.arena, n, 1);
        float *panels = arena_floats(c.arena, packed_conv_size(s.n_in, s.n_out, s.kernel), 1);
        ConvWeights later = c.conv;
        later.panels = later.w = later.b = NULL;
        later.make_panel = copy_panel;
        later.context = &c.conv;
        packed_conv_forward(want, c.in, &c.conv, s.n, s.H, s.W, s.stride, false, true, c.zeros);
        packed_conv_forward_shared(pool, c.out, c.in, &c.conv, s.n, s.H, s.W, s.stride, false, true, c.zeros,
                                   NULL);
        assert_memory_equal(c.out, want, n * sizeof *want);
        memset(c.out, 0, n * sizeof *want);
        packed_conv_forward_shared(pool, c.out, c.in, &later, s.n, s.H, s.W, s.stride, false, true, c.zeros,
                                   panels);
        assert_memory_equal(c.out, want, n * sizeof *want);
        arena_free(c.arena);
    }
    pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),
        cmocka_unit_test(test_nan),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
