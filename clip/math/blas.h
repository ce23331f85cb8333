/* blas.h: products by OpenBLAS, as many at once as it has room for. Only blas.c includes cblas.
 *
 * Its number of threads belongs to the whole process. The program sets it to 1
 * (experiments/terminal/processors.h); a library has no right to,
 * and leaves it as whoever uses it wants it: then OpenBLAS spreads a large product over threads of its own,
 * and callers that have another way (gemm.h) ask first.
 *
 * OpenBLAS maps 128 MiB of address space for each product that runs beside others, keeps it for later ones,
 * and when the system refuses (ulimit -v) it asks again for ever. So it is made to map them here, where
 * nothing else is going on, and only after it is known that the system agrees; products for which there is no
 * room wait for one that ends.
 */
#ifndef CLIP_MATH_BLAS_H
#define CLIP_MATH_BLAS_H

#include "clip/base/error.h"

#include <stdbool.h>

/* c = alpha * op(a) op(b) + beta * c, row-major, with op(a) (m, k), op(b) (k, n), c (m, n) and leading
 * dimensions lda, ldb, ldc (elements from one row to the next, as stored). From any thread. */
void blas_product(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a, int lda,
                  const float *b, int ldb, float beta, float *c, int ldc);
void blas_product_double(bool trans_a, bool trans_b, int m, int n, int k, double alpha, const double *a,
                         int lda, const double *b, int ldb, double beta, double *c, int ldc);

/* x (rows, n): each row becomes a^-1 of itself, for a symmetric positive definite matrix a (n, n), of which
 * the lower triangle is read and then holds Cholesky's factor. -1 when a is not positive definite. */
int blas_solve_positive(double *a, int n, double *x, int rows);

/* The eigenvalues (n), rising, of a symmetric matrix a (n, n), of which the lower triangle is read, and in
 * its rows then their eigenvectors, of length 1. -1 when memory is out or they are not found (not a number).
 */
int blas_eigen_symmetric(double *a, int n, double *values);

/* Whether OpenBLAS would use more than one for such a product. */
bool blas_spreads(int m, int n, int k);

/* Whose kernels it has chosen: "Haswell", "SkylakeX", ... */
const char *blas_core(void);

/* Makes room for one product at least, so that none will ever lack it. */
int blas_room_prepare(Error *err);

/* Around each product, on any thread. What enter returns says whether to leave: where there is no room at all
 * and nobody has asked with blas_room_prepare, OpenBLAS has its way. */
bool blas_room_enter(void);
void blas_room_leave(bool entered);

#endif
