/* ops.h: the element-wise and row-wise kernels of a transformer, forward beside backward.
 *
 * All run on the calling thread over the rows they are given; callers cut rows into tiles. Backward kernels
 * give gradients with respect to activations only (column_sums.h has those of gains and biases); those whose
 * comment says "+=" add to their output, which the caller zeroes. A NaN in the input is never lost: its
 * element is NaN in the output, or its whole row where the row shares a sum.
 */
#ifndef CLIP_MATH_OPS_H
#define CLIP_MATH_OPS_H

#include <stddef.h>

#define LAYER_NORM_EPS 1e-5f /* CLIP's */

/* y = (x - mean) / sqrt(var + eps) * w + b, row by row. x, y (rows, C); y may be x.
 * rstd (rows) and mean (rows) are kept for the backward pass; both may be NULL. */
void layer_norm_forward(float *y, float *mean, float *rstd, const float *x, const float *w, const float *b,
                        float eps, int rows, int C);
/* d_x (rows, C) += the gradient of layer_norm_forward at x, given d_y (rows, C). */
void layer_norm_backward(float *d_x, const float *d_y, const float *x, const float *mean, const float *rstd,
                         const float *w, int rows, int C);

typedef enum { ACTIVATION_QUICK_GELU, ACTIVATION_GELU } Activation; /* x sigma(1.702 x); x Phi(x) (erf) */
const char *activation_name(Activation activation);                 /* "quick_gelu", "gelu" */

/* y = act(x), n elements; y may be x. */
void activation_forward(float *y, const float *x, size_t n, Activation activation);
/* d_x = d_y * act'(x), n elements (overwrites; d_x may be d_y). */
void activation_backward(float *d_x, const float *d_y, const float *x, size_t n, Activation activation);

/* Either of the two on a piece of matrices with `width` columns, for packed_product_then: with d_y it is the
 * backward pass and y is d_x, without it the forward pass. The context is an ActivationPiece. */
typedef struct {
    float *y;
    const float *d_y, *x;
    int width;
    Activation activation;
} ActivationPiece;
void activation_piece(void *context, int row, int rows, int column, int columns);

/* Softmax of one row of n >= 1 scores, in place, with the true maximum subtracted. Scores more than 80 below
 * it count as 80 below. */
void softmax_row(float *x, int n);

float dot(const float *a, const float *b, int n);        /* sum of a b */
void axpy(float *y, float alpha, const float *x, int n); /* y += alpha x */
void add_rows(float *y, const float *x, size_t n);       /* y += x */

/* out (n, E) = rows of x (n, E) divided by their lengths, which go to norm (n) unless that is NULL. out may
 * be x. A row of zeros has no direction and becomes NaN. */
void unit_rows_forward(float *out, float *norm, const float *x, int n, int E);
/* d_x (n, E) += the gradient of unit_rows_forward, given the out and norm that it left. */
void unit_rows_backward(float *d_x, const float *d_out, const float *out, const float *norm, int n, int E);

#endif
