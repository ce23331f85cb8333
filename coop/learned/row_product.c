/* row_product.c: see row_product.h. */
#include "coop/learned/row_product.h"

#include "clip/math/gemm.h"

void row_product_create(PackedMatrix *matrix, const float *w, int n_in, int n_out, Arena *arena) {
    packed_create(matrix, w, n_in, n_out, true, PRECISION_FLOAT32, arena);
}

typedef struct {
    const PackedMatrix *matrix;
    const float *in;
    float *out;
} Rows;

static void multiply_row(void *context, int row, int worker) {
    (void)worker;
    const Rows *r = context;
    const int k = r->matrix->k, n = r->matrix->n;
    gemm(false, true, 1, n, k, 1, r->in + (size_t)row * (size_t)k, k, r->matrix->source, k, 0,
         r->out + (size_t)row * (size_t)n, n);
}

void row_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, int rows) {
    Rows each = {matrix, in, out};
    if (matrix->panel > 0)
        packed_product(pool, out, in, matrix, NULL, NULL, rows);
    else /* OpenBLAS sums in an order that depends on how many rows there are */
        pool_run(pool, rows, multiply_row, &each);
}
