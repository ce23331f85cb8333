/* transform.c: the test and training transforms of CLIP and CoOp on top of the resize.
 *
 * Sources: torchvision 0.14 transforms.Resize, CenterCrop, RandomResizedCrop (Szegedy et al. 2015), ToTensor
 * and Normalize; ResizeKeepRatio and CenterCropOrPad of OpenCLIP's transform.py for FIT_PAD.
 *
 * The draws of a random crop, in this order:
 *   up to 10 times: area share U(scale), log of the aspect ratio U(log 3/4, log 4/3);
 *   when that box fits: top in 0 .. H-h, left in 0 .. W-w (when none of the ten fits, the central box is
 *   taken without a draw);
 *   with a flip, a last U(0, 1): flip when it is below 1/2.
 */
#include "datasets/images/transform.h"

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

static CropBox whole(const Image *in) {
    return (CropBox){0, 0, in->width, in->height};
}

/* The part of an axis that CenterCrop(n) keeps after `shorter` has become `resize` pixels. */
static int centre_span(ResizeSpan *span, int side, int shorter, int resize, int n, Error *err) {
    int64_t size = side == shorter ? resize : (int64_t)resize * side / shorter;
    if (size > INT_MAX)
        return error_set(err, "resize: a side of %d pixels is too long for one of %d", side, shorter);
    *span = (ResizeSpan){(int)size, half_even((int)size - n), n};
    return 0;
}

/* Squashed, each side is its own measure. */
static int crop(unsigned char *out, const Image *in, const Transform *transform, Arena *arena, Error *err) {
    const int n = transform->size, resize = transform->resize ? transform->resize : n;
    const bool squash = transform->fit == FIT_SQUASH;
    assert(resize >= n);
    int shorter = in->width < in->height ? in->width : in->height;
    ResizeSpan across, down;
    if (centre_span(&across, in->width, squash ? in->width : shorter, resize, n, err) < 0 ||
        centre_span(&down, in->height, squash ? in->height : shorter, resize, n, err) < 0)
        return -1;
    return resize_part(out, in, whole(in), across, down, transform->filter, arena, err);
}

static int pad(unsigned char *out, const Image *in, const Transform *transform, Arena *arena, Error *err) {
    const int n = transform->size;
    double tall = (double)in->height / n, wide = (double)in->width / n, ratio = tall > wide ? tall : wide;
    int height = (int)rint(in->height / ratio), width = (int)rint(in->width / ratio);
    size_t mark = arena_mark(arena);
    Image small;
    if (height < 1 || width < 1)
        return error_set(err, "resize: nothing is left of %d x %d pixels in a square of %d", in->width,
                         in->height, n);
    if (image_resize(&small, in, whole(in), width, height, transform->filter, arena, err) < 0)
        return -1;
    memset(out, transform->fill, (size_t)n * n * 3);
    out += ((size_t)((n - height) / 2) * n + (n - width) / 2) * 3;
    for (size_t y = 0; y < (size_t)height; y++)
        memcpy(out + y * n * 3, small.rgb + y * width * 3, (size_t)width * 3);
    arena_reset(arena, mark);
    return 0;
}

int transform_fit(unsigned char *out, const Image *in, const Transform *transform, Arena *arena, Error *err) {
    assert(transform->size >= 1);
    return transform->fit == FIT_PAD ? pad(out, in, transform, arena, err)
                                     : crop(out, in, transform, arena, err);
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

static CropBox random_box(int width, int height, const double scale[2], Rng *rng) {
    double area = (double)width * height;
    for (int i = 0; i < CROP_TRIES; i++) {
        double target = area * rng_uniform(rng, scale[0], scale[1]);
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

static int crop_box(unsigned char *out, const Image *in, CropBox box, const Transform *transform,
                    Arena *arena, Error *err) {
    assert(transform->size >= 1);
    ResizeSpan all = {transform->size, 0, transform->size};
    return resize_part(out, in, box, all, all, transform->filter, arena, err);
}

int transform_random_crop(unsigned char *out, const Image *in, const Transform *transform, Rng *rng,
                          Arena *arena, Error *err) {
    const double least = transform->least > 0 ? transform->least : 0.08;
    CropBox box = random_box(in->width, in->height, (double[]){least, 1.0}, rng);
    bool flipped = rng_double(rng) < 0.5;
    if (crop_box(out, in, box, transform, arena, err) < 0)
        return -1;
    if (flipped)
        flip(out, transform->size);
    return 0;
}

int transform_scaled_crop(unsigned char *out, const Image *in, const Transform *transform,
                          const double scale[2], Rng *rng, Arena *arena, Error *err) {
    assert(0 < scale[0] && scale[0] <= scale[1]);
    return crop_box(out, in, random_box(in->width, in->height, scale, rng), transform, arena, err);
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
