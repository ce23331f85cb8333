/* column_sums.c: see column_sums.h */
#include "clip/math/column_sums.h"

#include "clip/base/minimum.h"
#include "clip/base/simd.h"

#include <stddef.h>

enum { COLUMNS = 64, GROUP = 16 }; /* of a tile; rows that are added in float before they go to the sum */

typedef struct {
    float *sum, *product_sum; /* (n) of d_y, of d_y times x; either may be NULL */
    const float *d_y, *x;     /* (rows, n); x NULL: no products */
    const float *mean, *rstd; /* (rows), of a layer norm; NULL: x as it is */
    int rows, n;
} Sums;

VECTOR_CLONES static void add_group(double *restrict sum, const float *restrict d, size_t stride, int rows,
                                    int n) {
    float part[COLUMNS] = {0};
    for (int r = 0; r < rows; r++, d += stride)
        for (int c = 0; c < n; c++)
            part[c] += d[c];
    for (int c = 0; c < n; c++)
        sum[c] += (double)part[c];
}

/* mean and rstd are NULL, or those of the rows. */
VECTOR_CLONES static void add_products(double *restrict sum, const float *restrict d, const float *restrict x,
                                       const float *mean, const float *rstd, size_t stride, int rows, int n) {
    float part[COLUMNS] = {0};
    for (int r = 0; r < rows; r++, d += stride, x += stride) {
        const float m = mean ? mean[r] : 0, s = rstd ? rstd[r] : 1;
        for (int c = 0; c < n; c++)
            part[c] += d[c] * ((x[c] - m) * s);
    }
    for (int c = 0; c < n; c++)
        sum[c] += (double)part[c];
}

static void sums_tile(void *context, int tile, int worker) {
    (void)worker;
    const Sums *job = context;
    const int column = tile * COLUMNS, n = min_int(COLUMNS, job->n - column);
    const size_t stride = (size_t)job->n;
    double sum[COLUMNS] = {0}, product_sum[COLUMNS] = {0};
    for (int r = 0; r < job->rows; r += GROUP) {
        const size_t at = (size_t)r * stride + (size_t)column;
        const int rows = min_int(GROUP, job->rows - r);
        if (job->sum)
            add_group(sum, job->d_y + at, stride, rows, n);
        if (job->product_sum)
            add_products(product_sum, job->d_y + at, job->x + at, job->mean ? job->mean + r : NULL,
                         job->rstd ? job->rstd + r : NULL, stride, rows, n);
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
