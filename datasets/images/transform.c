/* transform.c: the test and training transforms of CLIP and CoOp on top of the resize.
 *
 * Sources: torchvision 0.14 transforms.Resize, CenterCrop, RandomResizedCrop (Szegedy et al. 2015), ToTensor
 * and Normalize.
 *
 * The draws of a random crop, in this order:
 *   up to 10 times: area share U(0.08, 1), log of the aspect ratio U(log 3/4, log 4/3);
 *   when that box fits: top in 0 .. H-h, left in 0 .. W-w (when none of the ten fits, the central box is
 *   taken without a draw);
 *   a last U(0, 1): flip when it is below 1/2.
 */
#include "datasets/images/transform.h"

#include "datasets/images/resize.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <string.h>

#define CROP_TRIES 10

/* Half of an even or odd difference, a tie going to the even side, as Python's round() does. */
static int half_even(int difference) {
    int half = difference / 2;
    return difference % 2 != 0 && half % 2 != 0 ? half + 1 : half;
}

/* The part of a resized axis that CenterCrop(n) keeps. */
static int centre_span(ResizeSpan *span, int side, int shorter, int n, Error *err) {
    int64_t size = side == shorter ? n : (int64_t)n * side / shorter;
    if (size > INT_MAX)
        return error_set(err, "resize: a side of %d pixels is too long for one of %d", side, shorter);
    *span = (ResizeSpan){(int)size, half_even((int)size - n), n};
    return 0;
}

int transform_center_crop(unsigned char *out, const Image *in, int n, Arena *arena, Error *err) {
    assert(n >= 1);
    int shorter = in->width < in->height ? in->width : in->height;
    ResizeSpan across, down;
    if (centre_span(&across, in->width, shorter, n, err) < 0 ||
        centre_span(&down, in->height, shorter, n, err) < 0)
        return -1;
    CropBox whole = {0, 0, in->width, in->height};
    return resize_part(out, in, whole, across, down, arena, err);
}

/* The largest central box with an aspect ratio between 3/4 and 4/3. */
static CropBox central_box(int width, int height) {
    double ratio = (double)width / height;
    CropBox box = {0, 0, width, height};
    if (ratio < 3.0 / 4.0)
        box.height = (int)rint(width / (3.0 / 4.0));
    else if (ratio > 4.0 / 3.0)
        box.width = (int)rint(height * (4.0 / 3.0));
    box.top = (height - box.height) / 2;
    box.left = (width - box.width) / 2;
    return box;
}

static CropBox random_box(int width, int height, Rng *rng) {
    double area = (double)width * height;
    for (int i = 0; i < CROP_TRIES; i++) {
        double target = area * rng_uniform(rng, 0.08, 1.0);
        double aspect = exp(rng_uniform(rng, log(3.0 / 4.0), log(4.0 / 3.0)));
        double w = rint(sqrt(target * aspect)), h = rint(sqrt(target / aspect));
        if (w >= 1 && w <= width && h >= 1 && h <= height) {
            CropBox box = {.width = (int)w, .height = (int)h};
            box.top = (int)rng_below(rng, (uint32_t)(height - box.height + 1));
            box.left = (int)rng_below(rng, (uint32_t)(width - box.width + 1));
            return box;
        }
    }
    return central_box(width, height);
}

static void flip(unsigned char *rgb, int n) {
    for (int y = 0; y < n; y++) {
        unsigned char *left = rgb + (size_t)y * n * 3, *right = left + (size_t)(n - 1) * 3;
        for (; left < right; left += 3, right -= 3) {
            unsigned char pixel[3];
            memcpy(pixel, left, 3);
            memcpy(left, right, 3);
            memcpy(right, pixel, 3);
        }
    }
}

int transform_random_crop(unsigned char *out, const Image *in, int n, Rng *rng, Arena *arena, Error *err) {
    assert(n >= 1);
    CropBox box = random_box(in->width, in->height, rng);
    bool flipped = rng_double(rng) < 0.5;
    ResizeSpan all = {n, 0, n};
    if (resize_part(out, in, box, all, all, arena, err) < 0)
        return -1;
    if (flipped)
        flip(out, n);
    return 0;
}

void transform_normalize(float *out, const unsigned char *rgb, int n, const float mean[3],
                         const float std[3]) {
    size_t plane = (size_t)n * n;
    float table[3][256]; /* a byte has few values: the divisions are done once each */
    for (int c = 0; c < 3; c++)
        for (int v = 0; v < 256; v++)
            table[c][v] = ((float)v / 255.0f - mean[c]) / std[c];
    for (size_t i = 0; i < plane; i++) {
        out[i] = table[0][rgb[3 * i]];
        out[plane + i] = table[1][rgb[3 * i + 1]];
        out[2 * plane + i] = table[2][rgb[3 * i + 2]];
    }
}
