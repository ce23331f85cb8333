/* transform.h: pixels to the input of an image tower, bit for bit as Pillow and torchvision do it.
 *
 * Resize is Pillow's two-pass antialiased resize of 8-bit channels (src/libImaging/Resample.c); the test
 * transform is torchvision's Resize(n, bicubic), CenterCrop(n), ToTensor, Normalize (Radford et al. 2021), or
 * what OpenCLIP's image_transform has in place of the first two; the training transform of prompts is
 * RandomResizedCrop(n, scale (0.08, 1), bicubic) and a horizontal flip (Zhou et al. 2022), that of a CLIP
 * RandomResizedCrop with a scale of its own and no flip (OpenCLIP).
 */
#ifndef DATASETS_IMAGES_TRANSFORM_H
#define DATASETS_IMAGES_TRANSFORM_H

#include "clip/base/random.h"
#include "datasets/images/pixels.h"
#include "datasets/images/resize.h"

/* How an image of any shape becomes a square. */
typedef enum {
    FIT_CROP,   /* the short side is resized, and the middle cut out */
    FIT_SQUASH, /* both sides are resized, and the middle cut out where they are longer than wanted */
    FIT_PAD     /* the long side is resized, and the rest filled on both sides */
} TransformFit;

/* {.size = n} is OpenAI's: Resize(n, bicubic), CenterCrop(n). */
typedef struct {
    int size;   /* n, of the square */
    int resize; /* of a side before the cut, at least n; 0: n, too. FIT_PAD has no cut */
    TransformFit fit;
    ResizeFilter filter;
    unsigned char fill; /* of FIT_PAD, in all three channels */
    double least;       /* share of the area of a random crop; 0: 0.08 */
} Transform;

/* The test transform: out (n, n, 3) bytes. An image so elongated that a side would overflow an int, or
 * vanish, is an error. */
int transform_fit(unsigned char *out, const Image *in, const Transform *transform, Arena *arena, Error *err);

/* RandomResizedCrop(n) and a flip with probability 1/2, drawn from rng: out (n, n, 3) bytes. Of the
 * transform, size, filter and least count. */
int transform_random_crop(unsigned char *out, const Image *in, const Transform *transform, Rng *rng,
                          Arena *arena, Error *err);

/* RandomResizedCrop(n, scale) alone: the share of the area lies in scale[0] .. scale[1]. */
int transform_scaled_crop(unsigned char *out, const Image *in, const Transform *transform,
                          const double scale[2], Rng *rng, Arena *arena, Error *err);

/* ((v / 255) - mean) / std in float: out (3, n, n) from rgb (n, n, 3). */
void transform_normalize(float *out, const unsigned char *rgb, int n, const float mean[3],
                         const float std[3]);

#endif
