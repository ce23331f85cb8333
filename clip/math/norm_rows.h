/* norm_rows.h: layer norms (ops.h) and gains over many rows, in tiles for the threads of a pool. */
#ifndef CLIP_MATH_NORM_ROWS_H
#define CLIP_MATH_NORM_ROWS_H

#include "clip/base/parallel.h"

/* y (rows, C) = layer_norm(x); y may be x. mean and rstd (rows) are filled in, or both NULL. */
void norm_rows_forward(Pool *pool, float *y, float *mean, float *rstd, const float *x, const float *w,
                       const float *b, float eps, int rows, int C);

/* d_x (rows, C) = start + the gradient of norm_rows_forward at x, given d_y (rows, C). start may be d_x, or
 * NULL for zero; d_x may not be d_y. */
void norm_rows_backward(Pool *pool, float *d_x, const float *start, const float *d_y, const float *x,
                        const float *mean, const float *rstd, const float *w, int rows, int C);

/* y (rows, C) = start + x g, with a gain g (C). start may be y, or NULL for zero; y may be x. */
void gain_rows(Pool *pool, float *y, const float *start, const float *x, const float *g, int rows, int C);

#endif
