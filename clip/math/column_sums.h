/* column_sums.h: the gradients of what all rows share: biases, and the gains of layer norms and of residual
 * branches.
 *
 * Each is a sum over rows, for every column. A tile has some columns of all rows, in order, a few in float
 * and then all in double: the bits do not depend on threads.
 */
#ifndef CLIP_MATH_COLUMN_SUMS_H
#define CLIP_MATH_COLUMN_SUMS_H

#include "clip/base/parallel.h"

/* y = x + b:  d_b (n) += the sum over rows of d_y (rows, n). */
void bias_gradient(Pool *pool, float *d_b, const float *d_y, int rows, int n);

/* y = x g:  d_g (n) += the sum over rows of d_y x, both (rows, n). */
void gain_gradient(Pool *pool, float *d_g, const float *d_y, const float *x, int rows, int n);

/* y = layer_norm(x) with gain w and bias b:  d_w and d_b (n) += their gradients, given d_y and x (rows, n).
 * Either may be NULL. */
void norm_gradients(Pool *pool, float *d_w, float *d_b, const float *d_y, const float *x, const float *mean,
                    const float *rstd, int rows, int n);

#endif
