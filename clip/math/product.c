/* product.c: see product.h */
#include "clip/math/product.h"

#include "clip/base/minimum.h"
#include "clip/math/gemm.h"

#include <string.h>

enum { TILE_ROWS = 192, TILE_COLUMNS = 256 };

typedef struct {
    const Product *product;
    int n_across;
} Job;

static void start_row(const Product *p, float *c, size_t at, int column, int columns) {
    if (!p->start)
        memset(c, 0, (size_t)columns * sizeof *c);
    else if (p->start != p->c)
        memcpy(c, p->start + at, (size_t)columns * sizeof *c);
    for (int j = 0; p->bias && j < columns; j++)
        c[j] += p->bias[column + j];
}

static void run_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const Product *p = job->product;
    const int row = tile / job->n_across * TILE_ROWS, column = tile % job->n_across * TILE_COLUMNS;
    const int rows = min_int(TILE_ROWS, p->m - row), columns = min_int(TILE_COLUMNS, p->n - column);
    const size_t lda = (size_t)p->lda, ldb = (size_t)p->ldb, ldc = (size_t)p->ldc;
    for (int i = row; i < row + rows; i++) {
        const size_t at = (size_t)i * ldc + (size_t)column;
        start_row(p, p->c + at, at, column, columns);
    }
    gemm(p->trans_a, p->trans_b, rows, columns, p->k, 1,
         p->a + (p->trans_a ? (size_t)row : (size_t)row * lda), p->lda,
         p->b + (p->trans_b ? (size_t)column * ldb : (size_t)column), p->ldb, 1,
         p->c + (size_t)row * ldc + (size_t)column, p->ldc);
    if (p->then.run)
        p->then.run(p->then.context, row, rows, column, columns);
}

void product_run(Pool *pool, const Product *product, Precision precision) {
    (void)precision;
    if (product->m == 0 || product->n == 0)
        return;
    Job job = {product, (product->n + TILE_COLUMNS - 1) / TILE_COLUMNS};
    pool_run(pool, (product->m + TILE_ROWS - 1) / TILE_ROWS * job.n_across, run_tile, &job);
}

void product_linear(Pool *pool, float *out, const float *in, const float *w, const float *bias,
                    const float *start, int rows, int n_in, int n_out, Precision precision) {
    const Product p = {.m = rows,
                       .n = n_out,
                       .k = n_in,
                       .a = in,
                       .lda = n_in,
                       .b = w,
                       .ldb = n_in,
                       .trans_b = true,
                       .bias = bias,
                       .start = start,
                       .c = out,
                       .ldc = n_out};
    product_run(pool, &p, precision);
}

void product_linear_input(Pool *pool, float *d_in, const float *d_out, const float *w, const float *start,
                          int rows, int n_in, int n_out, Precision precision) {
    const Product p = {.m = rows,
                       .n = n_in,
                       .k = n_out,
                       .a = d_out,
                       .lda = n_out,
                       .b = w,
                       .ldb = n_in,
                       .start = start,
                       .c = d_in,
                       .ldc = n_in};
    product_run(pool, &p, precision);
}

void product_linear_weight(Pool *pool, float *d_w, const float *d_out, const float *in, int rows, int n_in,
                           int n_out, Precision precision) {
    const Product p = {.m = n_out,
                       .n = n_in,
                       .k = rows,
                       .a = d_out,
                       .lda = n_out,
                       .trans_a = true,
                       .b = in,
                       .ldb = n_in,
                       .start = d_w,
                       .c = d_w,
                       .ldc = n_in};
    product_run(pool, &p, precision);
}
