/* gemm.h: matrix products.
 *
 * Matrices are row-major. Products over a whole problem are cut into tiles (a chunk of rows) x (a block of
 * columns), each one single-threaded GEMM; the cuts depend on the sizes alone, so the bits of a result do not
 * depend on the number of threads.
 */
#ifndef CLIP_MATH_GEMM_H
#define CLIP_MATH_GEMM_H

#include "clip/base/parallel.h"

#include <stdbool.h>

/* One single-threaded product: c = alpha * op(a) op(b) + beta * c, with op(a) (m, k), op(b) (k, n), c (m, n)
 * and leading dimensions lda, ldb, ldc (elements from one row to the next, as stored). May be called from
 * tiles. Where OpenBLAS has several threads (blas.h), a large product is made by the kernels of product.h
 * instead of OpenBLAS, with other roundings. */
void gemm(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc);

/* The same in double, for the linear probe. */
void gemm_double(bool trans_a, bool trans_b, int m, int n, int k, double alpha, const double *a, int lda,
                 const double *b, int ldb, double beta, double *c, int ldc);

/* out = in w^T + bias, for a weight stored as PyTorch stores it.
 *   out (rows, n_out)   in (rows, n_in)   w (n_out, n_in)   bias (n_out) or NULL
 * With accumulate, the product and the bias are added to out. */
void linear_forward(Pool *pool, float *out, const float *in, const float *w, const float *bias, int rows,
                    int n_in, int n_out, bool accumulate);

/* out = in w^T + bias  gives  d_in = d_out w, added to d_in with accumulate. */
void linear_backward(Pool *pool, float *d_in, const float *d_out, const float *w, int rows, int n_in,
                     int n_out, bool accumulate);

/* out = in w^T  gives  d_w = d_out^T in.
 *   d_w (n_out, n_in)   d_out (rows, n_out)   in (rows, n_in) */
void linear_backward_weight(Pool *pool, float *d_w, const float *d_out, const float *in, int rows, int n_in,
                            int n_out);

/* The single-thread peak of sgemm on this machine in GFLOP/s, measured on a large square product (the best of
 * several runs). */
double gemm_peak_gflops(void);

#endif
