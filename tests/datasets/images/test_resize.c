/* test_resize.c: resizes against a slow copy of Pillow's formula. */
#include "datasets/images/resize.h"

#include "clip/base/random.h"
#include "tests/support/image_support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <math.h>

static double cubic(double x) {
    x = fabs(x);
    return x < 1   ? ((-0.5 + 2.0) * x - (-0.5 + 3.0)) * x * x + 1
           : x < 2 ? (((x - 5) * x + 8) * x - 4) * -0.5
                   : 0;
}

static double triangle(double x) {
    x = fabs(x);
    return x < 1 ? 1 - x : 0;
}

static double weigh(ResizeFilter filter, double x) {
    return filter == FILTER_BILINEAR ? triangle(x) : cubic(x);
}

/* One output byte from n input bytes that are `step` apart. */
static unsigned char slow_sum(const unsigned char *in, size_t step, int n, int size, int at,
                              ResizeFilter filter) {
    double scale = (double)n / size, stretch = scale < 1 ? 1 : scale, centre = (at + 0.5) * scale, total = 0;
    double reach = (filter == FILTER_BILINEAR ? 1 : 2) * stretch;
    int low = (int)(centre - reach + 0.5), high = (int)(centre + reach + 0.5);
    low = low < 0 ? 0 : low;
    high = high > n ? n : high;
    for (int i = low; i < high; i++)
        total += weigh(filter, (i - centre + 0.5) * (1 / stretch));
    int sum = 1 << 21;
    for (int i = low; i < high; i++) {
        double weight = weigh(filter, (i - centre + 0.5) * (1 / stretch)) / total * (1 << 22);
        sum += in[i * step] * (int)(weight < 0 ? weight - 0.5 : weight + 0.5);
    }
    sum >>= 22;
    return (unsigned char)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

static unsigned char *slow_resize(const Image *in, CropBox box, int out_w, int out_h, ResizeFilter filter) {
    unsigned char *rows = malloc((size_t)box.height * out_w * 3), *out = malloc((size_t)out_h * out_w * 3);
    assert_true(rows && out);
    for (int y = 0; y < box.height; y++) {
        const unsigned char *row = in->rgb + ((size_t)(box.top + y) * in->width + box.left) * 3;
        for (int i = 0; i < out_w * 3; i++)
            rows[(size_t)y * out_w * 3 + i] = slow_sum(row + i % 3, 3, box.width, out_w, i / 3, filter);
    }
    for (int y = 0; y < out_h; y++)
        for (int i = 0; i < out_w * 3; i++)
            out[(size_t)y * out_w * 3 + i] =
                slow_sum(rows + i, (size_t)out_w * 3, box.height, out_h, y, filter);
    free(rows);
    return out;
}

static void resizes_follow_the_formula(void **state) {
    static const int sizes[] = {1, 2, 3, 5, 15, 16, 17, 31, 63, 64, 65, 130};
    Rng rng;
    rng_seed(&rng, (uint32_t[]){11}, 1);
    size_t mark = arena_mark(*state);
    for (uint32_t i = 0; i < 300; i++) {
        Image in = random_image(sizes[rng_below(&rng, 12)], sizes[rng_below(&rng, 12)], i, *state);
        CropBox box = {0, 0, in.width, in.height};
        if (i % 2) {
            box.width = 1 + (int)rng_below(&rng, (uint32_t)in.width);
            box.height = 1 + (int)rng_below(&rng, (uint32_t)in.height);
            box.left = (int)rng_below(&rng, (uint32_t)(in.width - box.width + 1));
            box.top = (int)rng_below(&rng, (uint32_t)(in.height - box.height + 1));
        }
        int out_w = i % 5 ? 1 + (int)rng_below(&rng, 90) : box.width;
        int out_h = i % 7 ? 1 + (int)rng_below(&rng, 90) : box.height;
        ResizeFilter filter = i % 3 ? FILTER_BICUBIC : FILTER_BILINEAR;
        Image out;
        assert_int_equal(image_resize(&out, &in, box, out_w, out_h, filter, *state, NULL), 0);
        assert_int_equal(out.width, out_w);
        assert_int_equal(out.height, out_h);
        unsigned char *expected = slow_resize(&in, box, out_w, out_h, filter);
        if (memcmp(out.rgb, expected, (size_t)out_w * out_h * 3) != 0) {
            fail_msg("%d x %d of %d x %d to %d x %d differs", box.width, box.height, in.width, in.height,
                     out_w, out_h);
        }
        free(expected);
        arena_reset(*state, mark);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(resizes_follow_the_formula, arena_setup, arena_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
