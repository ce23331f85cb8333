/* batch_norm.h: batch norms in training, with the ReLU and the average pool behind them in the same pass.
 *
 *     y = x scale + shift, scale = w rstd, shift = b - mean scale
 *
 * of channels over all pixels of a batch, or over what was seen before. Maps are far larger than the caches,
 * so sums are taken image by image where an image is warm, and everything between two convolutions is one
 * pass. Sums are in float along a row of pixels, in double over rows, and over images in their order: the
 * bits do not depend on who sums which image. Functions of an image are for tiles; a tile may be any image.
 */
#ifndef CLIP_CONV_BATCH_NORM_H
#define CLIP_CONV_BATCH_NORM_H

#include "clip/base/arena.h"

#include <stdbool.h>

#define BATCH_NORM_EPS 1e-5
#define BATCH_NORM_MOMENTUM 0.1

typedef struct {
    int C;
    const float *w, *b;                 /* (C) */
    float *running_mean, *running_var;  /* (C) */
    float *mean, *rstd, *scale, *shift; /* (C): what the last batch_norm_finish or _running made */
    bool frozen;                        /* its statistics do not follow from x: no gradient through them */
    float *d_mean, *d_xhat;             /* (C): means of d_y and of d_y xhat; of batch_norm_gradient */
} BatchNorm;

/* Room for what is computed; owned by the arena. */
BatchNorm batch_norm_create(int C, const float *w, const float *b, float *running_mean, float *running_var,
                            Arena *arena);

/* The sums of one image, sums (2, C): the mean and the squares about it, of x (pixels, C). */
void batch_norm_sums(const BatchNorm *norm, double *sums, const float *x, int pixels);
/* From the sums (n, 2, C) of all images; moves the running statistics if `moves`. The running variance is the
 * unbiased one; of a single number there is none, and it stays as it is. */
void batch_norm_finish(BatchNorm *norm, const double *sums, int n, int pixels, bool moves);
/* From the running statistics. */
void batch_norm_running(BatchNorm *norm);

/* Of one image: out = relu(norm(x)), or the mean of its 2x2 cells.
 *   x (side, side, C)   out (side, side, C), or (side/2, side/2, C) with pool; without, it may be x */
void norm_relu_forward(const BatchNorm *norm, float *out, const float *x, int side, bool pool);
/* out = relu(norm(x) + other), where `other` goes through a norm of its own if that is given. */
void norm_add_relu_forward(const BatchNorm *norm, float *out, const float *x, const BatchNorm *other_norm,
                           const float *other, int pixels);

/* --- backward. First the sums of one image, sums (2, C): of d_y and of d_y (x - mean), ... --- */

/* ... where out = relu(norm(x)), pooled or not, had the gradient d_out. */
void norm_relu_sums(const BatchNorm *norm, double *sums, const float *d_out, const float *x, int side,
                    bool pool);
/* ... where y = norm(x) had the gradient d_y (pixels, C). With `out`, d_y is first made zero where the ReLU's
 * result out is. */
void norm_sums(const BatchNorm *norm, double *sums, float *d_y, const float *out, const float *x, int pixels);

/* From the sums (n, 2, C): d_w and d_b (C) are added to unless they are NULL, and what follows has its means:
 * zeros, if the norm is frozen. */
void batch_norm_gradient(BatchNorm *norm, float *d_w, float *d_b, const double *sums, int n, int pixels);

/* d_x = scale (d_y - mean of d_y - xhat mean of (d_y xhat)), where d_y follows from d_out as above, or is
 * given. d_x (side, side, C) may be d_out without pool, or d_y. */
void norm_relu_backward(const BatchNorm *norm, float *d_x, const float *d_out, const float *x, int side,
                        bool pool);
void norm_backward(const BatchNorm *norm, float *d_x, const float *d_y, const float *x, int pixels);

/* d_in (side, side, C) = the gradient of avg_pool_forward (conv.h) given d_out (side/2, side/2, C) */
void avg_pool_backward(float *d_in, const float *d_out, int side, int C);

#endif
