/* transform.h: pixels to the input of an image tower, bit for bit as Pillow and torchvision do it.
 *
 * Resize is Pillow's two-pass antialiased bicubic on 8-bit channels (src/libImaging/Resample.c); the test
 * transform is torchvision's Resize(n, bicubic), CenterCrop(n), ToTensor, Normalize (Radford et al. 2021);
 * the training transform is RandomResizedCrop(n, scale (0.08, 1), bicubic) and a horizontal flip (Zhou et al.
 * 2022).
 */
#ifndef DATASETS_IMAGES_TRANSFORM_H
#define DATASETS_IMAGES_TRANSFORM_H

#include "clip/base/random.h"
#include "datasets/images/pixels.h"

/* Resize(n) of the short side and CenterCrop(n): out (n, n, 3) bytes. An image so elongated that
 * its long side would overflow an int is an error. */
int transform_center_crop(unsigned char *out, const Image *in, int n, Arena *arena, Error *err);

/* RandomResizedCrop(n) and a flip with probability 1/2, drawn from rng: out (n, n, 3) bytes. */
int transform_random_crop(unsigned char *out, const Image *in, int n, Rng *rng, Arena *arena, Error *err);

/* ((v / 255) - mean) / std in float: out (3, n, n) from rgb (n, n, 3). */
void transform_normalize(float *out, const unsigned char *rgb, int n, const float mean[3],
                         const float std[3]);

#endif
