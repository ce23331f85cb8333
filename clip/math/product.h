/* product.h: products of matrices that both change from call to call, as in training.
 *
 * Where packed.h multiplies with a weight that was packed once, here both factors are packed as they are
 * read, tile by tile. In float every element of a product is one chain of fused multiply-adds over k in
 * ascending order, which begins with start + bias: the bits of an element depend on its row of op(a), its
 * column of op(b) and k alone, whatever the tiles, the threads and the width of the vectors. In bfloat16
 * (packed_bf16.h) k is cut into blocks of a fixed size, and the order within them is the kernel's.
 *
 * A k above PRODUCT_LONGEST_CHAIN with a small c, as for the weights of a convolution, would leave little to
 * share out: there k is cut into pieces, whose length follows from m, n and k alone, and an element is start
 * + bias plus the chains of the pieces, each of which begins with zero, in ascending order.
 *
 * Where no kernel runs, OpenBLAS multiplies tiles that follow from the sizes alone, in OpenBLAS's order.
 */
#ifndef CLIP_MATH_PRODUCT_H
#define CLIP_MATH_PRODUCT_H

#include "clip/base/parallel.h"
#include "clip/math/packed.h"
#include "clip/math/precision.h"

#include <stdbool.h>

enum { PRODUCT_LONGEST_CHAIN = 16384 };

/* c = start + bias + op(a) op(b), with op(a) (m, k) and op(b) (k, n). */
typedef struct {
    int m, n, k;
    const float *a, *b;
    int lda, ldb;       /* from one row to the next, as stored */
    bool trans_a;       /* a is stored as (k, m) */
    bool trans_b;       /* b is stored as (n, k) */
    const float *bias;  /* (n) or NULL */
    const float *start; /* (m, n), ldc apart as c; may be c; NULL: zero */
    float *c;
    int ldc;
    PackedThen then; /* called for each finished tile of c; run NULL: nothing */
} Product;

/* With a pool of NULL the calling thread works alone, as within a tile. Where this processor does not have
 * the precision, it is float. */
void product_run(Pool *pool, const Product *product, Precision precision);

/* For tests: with float panels of a given width (64 or 16; 0: OpenBLAS), or for a bfloat16 kernel, when it is
 * not NONE. False, with nothing done, if this processor cannot. */
bool product_run_as(Pool *pool, const Product *product, int panel, Bf16Kernel kernel);

/* What one thread reaches at most: the kernel of product_run on factors that are packed and in the cache. 0
 * where no kernel runs. */
double product_peak_gflops(Precision precision);

/* A linear layer whose weight w (n_out, n_in) is stored as PyTorch stores it, rows of in (rows, n_in) and out
 * (rows, n_out) contiguous.
 *   out = start + bias + in w^T       start (rows, n_out) or NULL, may be out
 *   d_in = start + d_out w            start (rows, n_in) or NULL, may be d_in
 *   d_w += d_out^T in */
void product_linear(Pool *pool, float *out, const float *in, const float *w, const float *bias,
                    const float *start, int rows, int n_in, int n_out, Precision precision);
void product_linear_input(Pool *pool, float *d_in, const float *d_out, const float *w, const float *start,
                          int rows, int n_in, int n_out, Precision precision);
void product_linear_weight(Pool *pool, float *d_w, const float *d_out, const float *in, int rows, int n_in,
                           int n_out, Precision precision);

#endif
