/* column_sums.c: see column_sums.h */
#include "clip/math/column_sums.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"

#include <stddef.h>

enum { COLUMNS = 64 }; /* of a tile */

typedef struct {
    float *sum, *product_sum; /* (n) of d_y, of d_y times x; either may be NULL */
    const float *d_y, *x;     /* (rows, n); x NULL: no products */
    const float *mean, *rstd; /* (rows), of a layer norm; NULL: x as it is */
    int rows, n;
} Sums;

VECTOR_CLONES static void add_row(double *restrict sum, const float *restrict d, int n) {
    for (int c = 0; c < n; c++)
        sum[c] += (double)d[c];
}

VECTOR_CLONES static void add_products(double *restrict sum, const float *restrict d, const float *restrict x,
                                       float mean, float rstd, int n) {
    for (int c = 0; c < n; c++)
        sum[c] += (double)(d[c] * ((x[c] - mean) * rstd));
}

static void sums_tile(void *context, int tile, int worker) {
    (void)worker;
    const Sums *job = context;
    const int column = tile * COLUMNS, n = min_int(COLUMNS, job->n - column);
    double sum[COLUMNS] = {0}, product_sum[COLUMNS] = {0};
    for (int r = 0; r < job->rows; r++) {
        const size_t at = (size_t)r * (size_t)job->n + (size_t)column;
        if (job->sum)
            add_row(sum, job->d_y + at, n);
        if (job->product_sum)
            add_products(product_sum, job->d_y + at, job->x + at, job->mean ? job->mean[r] : 0,
                         job->rstd ? job->rstd[r] : 1, n);
    }
    for (int c = 0; c < n; c++) {
        if (job->sum)
            job->sum[column + c] += (float)sum[c];
        if (job->product_sum)
            job->product_sum[column + c] += (float)product_sum[c];
    }
}

static void run_sums(Pool *pool, Sums *job) {
    pool_run(pool, (job->n + COLUMNS - 1) / COLUMNS, sums_tile, job);
}

void bias_gradient(Pool *pool, float *d_b, const float *d_y, int rows, int n) {
    Sums job = {.sum = d_b, .d_y = d_y, .rows = rows, .n = n};
    run_sums(pool, &job);
}

void gain_gradient(Pool *pool, float *d_g, const float *d_y, const float *x, int rows, int n) {
    Sums job = {.product_sum = d_g, .d_y = d_y, .x = x, .rows = rows, .n = n};
    run_sums(pool, &job);
}

void norm_gradients(Pool *pool, float *d_w, float *d_b, const float *d_y, const float *x, const float *mean,
                    const float *rstd, int rows, int n) {
    Sums job = {
        .sum = d_b, .product_sum = d_w, .d_y = d_y, .x = x, .mean = mean, .rstd = rstd, .rows = rows, .n = n};
    if (d_w || d_b)
        run_sums(pool, &job);
}
