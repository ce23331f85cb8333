/* norm_rows.c: see norm_rows.h */
#include "clip/math/norm_rows.h"

#include "clip/base/minimum.h"
#include "clip/math/ops.h"

#include <stddef.h>
#include <string.h>

enum { ROWS_PER_TILE = 16 };

typedef struct {
    float *y, *mean, *rstd;
    const float *x, *w, *b;
    float eps;
    int rows, width;
} Forward;

typedef struct {
    float *d_x;
    const float *start, *d_y, *x, *mean, *rstd, *w;
    int rows, width;
} Backward;

static void forward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Forward *job = context;
    const size_t row = (size_t)tile * ROWS_PER_TILE, at = row * (size_t)job->width;
    layer_norm_forward(job->y + at, job->mean ? job->mean + row : NULL, job->rstd ? job->rstd + row : NULL,
                       job->x + at, job->w, job->b, job->eps, min_int(ROWS_PER_TILE, job->rows - (int)row),
                       job->width);
}

static void backward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Backward *job = context;
    const int first = tile * ROWS_PER_TILE, end = min_int(first + ROWS_PER_TILE, job->rows);
    for (int row = first; row < end; row++) { /* one by one: what a row starts from stays in the cache */
        const size_t at = (size_t)row * (size_t)job->width, size = (size_t)job->width * sizeof(float);
        if (!job->start)
            memset(job->d_x + at, 0, size);
        else if (job->start != job->d_x)
            memcpy(job->d_x + at, job->start + at, size);
        layer_norm_backward(job->d_x + at, job->d_y + at, job->x + at, job->mean + row, job->rstd + row,
                            job->w, 1, job->width);
    }
}

static int tiles(int rows) {
    return (rows + ROWS_PER_TILE - 1) / ROWS_PER_TILE;
}

void norm_rows_forward(Pool *pool, float *y, float *mean, float *rstd, const float *x, const float *w,
                       const float *b, float eps, int rows, int C) {
    Forward job = {y, mean, rstd, x, w, b, eps, rows, C};
    pool_run(pool, tiles(rows), forward_tile, &job);
}

void norm_rows_backward(Pool *pool, float *d_x, const float *start, const float *d_y, const float *x,
                        const float *mean, const float *rstd, const float *w, int rows, int C) {
    Backward job = {d_x, start, d_y, x, mean, rstd, w, rows, C};
    pool_run(pool, tiles(rows), backward_tile, &job);
}

typedef struct {
    float *y;
    const float *start, *x, *g;
    int rows, width;
} Gain;

static void gain_tile(void *context, int tile, int worker) {
    (void)worker;
    const Gain *job = context;
    const int row = tile * ROWS_PER_TILE, end = min_int(row + ROWS_PER_TILE, job->rows);
    for (int r = row; r < end; r++) {
        const size_t at = (size_t)r * (size_t)job->width;
        for (int c = 0; c < job->width; c++)
            job->y[at + (size_t)c] =
                (job->start ? job->start[at + (size_t)c] : 0) + job->x[at + (size_t)c] * job->g[c];
    }
}

void gain_rows(Pool *pool, float *y, const float *start, const float *x, const float *g, int rows, int C) {
    Gain job = {y, start, x, g, rows, C};
    pool_run(pool, tiles(rows), gain_tile, &job);
}
