/* contrastive.c: see contrastive.h
 *
 * The logits are made in blocks of rows that fit BLOCK_FLOATS, so memory does not grow with the square of a
 * large batch. A first pass over the blocks finds log sum exp of each row and of each column (of these block
 * after block, with the maximum so far); the second turns a block into
 *     d_logits = (P_rows + P_columns - 2 I) / 2n
 * and multiplies it with both sides. A single block is kept from the first pass to the second.
 */
#include "clip/train/contrastive.h"

#include "clip/base/arena.h"
#include "clip/base/minimum.h"
#include "clip/math/ops.h"
#include "clip/math/product.h"

#include <math.h>

enum { BLOCK_FLOATS = 1 << 24, TILE_ROWS = 16, TILE_COLUMNS = 64 };

typedef struct {
    int n, E;
    float scale;            /* e^s */
    float *u, *v;           /* (n, E) unit rows of images and texts */
    float *u_norm, *v_norm; /* (n) */
    int first, rows;        /* the block */
    float *logits;          /* (rows, n); in the second pass d_logits */
    double *row_lse;        /* (n) log sum exp */
    double *column_lse;     /* (n); the sum alone until the first pass is over */
    float *column_max;      /* (n) */
    double *losses, *d_s;   /* (n) each row's part */
    float *d_u, *d_v;       /* (n, E), without the scale */
    const float *image, *text;
    float *d_image, *d_text;
} Loss;

static int tiles_of(int n, int size) {
    return (n + size - 1) / size;
}

static float *at_row(float *x, int row, int columns) {
    return x ? x + (size_t)row * (size_t)columns : NULL;
}

/* --- unit rows --- */

static void normalise_tile(void *context, int tile, int worker) {
    (void)worker;
    Loss *loss = context;
    const int row = tile * TILE_ROWS, rows = min_int(TILE_ROWS, loss->n - row), E = loss->E;
    const size_t at = (size_t)row * (size_t)E;
    unit_rows_forward(loss->u + at, loss->u_norm + row, loss->image + at, rows, E);
    unit_rows_forward(loss->v + at, loss->v_norm + row, loss->text + at, rows, E);
}

/* d_x = the gradient through the unit rows, where d_unit still lacks the scale. */
static void normalise_back(const Loss *loss, float *d_x, float *d_unit, const float *unit, const float *norm,
                           int row, int rows) {
    const size_t at = (size_t)row * (size_t)loss->E, n = (size_t)rows * (size_t)loss->E;
    for (size_t i = at; i < at + n; i++) {
        d_unit[i] *= loss->scale;
        d_x[i] = 0;
    }
    unit_rows_backward(d_x + at, d_unit + at, unit + at, norm + row, rows, loss->E);
}

static void normalise_back_tile(void *context, int tile, int worker) {
    (void)worker;
    Loss *loss = context;
    const int row = tile * TILE_ROWS, rows = min_int(TILE_ROWS, loss->n - row);
    if (loss->d_image)
        normalise_back(loss, loss->d_image, loss->d_u, loss->u, loss->u_norm, row, rows);
    if (loss->d_text)
        normalise_back(loss, loss->d_text, loss->d_v, loss->v, loss->v_norm, row, rows);
}

/* --- the first pass --- */

static double sum_of_exp(const float *x, int n, float max) {
    double sum = 0;
    for (int j = 0; j < n; j++)
        sum += expf(x[j] - max);
    return sum;
}

static void rows_tile(void *context, int tile, int worker) {
    (void)worker;
    Loss *loss = context;
    const int n = loss->n, begin = tile * TILE_ROWS;
    for (int i = begin; i < min_int(begin + TILE_ROWS, loss->rows); i++) {
        float *x = at_row(loss->logits, i, n), max = -INFINITY;
        for (int j = 0; j < n; j++) {
            x[j] *= loss->scale;
            max = x[j] > max ? x[j] : max;
        }
        const int row = loss->first + i;
        loss->row_lse[row] = max + log(sum_of_exp(x, n, max));
        loss->losses[row] = loss->row_lse[row] - 2 * (double)x[row];
    }
}

/* Adds the block to the sums of some columns, after raising their maxima to those of the block. */
static void columns_tile(void *context, int tile, int worker) {
    (void)worker;
    Loss *loss = context;
    const int begin = tile * TILE_COLUMNS, n = min_int(TILE_COLUMNS, loss->n - begin);
    float *max = loss->column_max + begin, old[TILE_COLUMNS];
    double *sum = loss->column_lse + begin;
    for (int j = 0; j < n; j++)
        old[j] = max[j];
    for (int i = 0; i < loss->rows; i++) {
        const float *x = at_row(loss->logits, i, loss->n) + begin;
        for (int j = 0; j < n; j++)
            max[j] = x[j] > max[j] ? x[j] : max[j];
    }
    for (int j = 0; j < n; j++)
        sum[j] *= expf(old[j] - max[j]); /* 0 in the first block */
    for (int i = 0; i < loss->rows; i++) {
        const float *x = at_row(loss->logits, i, loss->n) + begin;
        for (int j = 0; j < n; j++)
            sum[j] += expf(x[j] - max[j]);
    }
}

/* --- the second pass --- */

static void gradient_tile(void *context, int tile, int worker) {
    (void)worker;
    Loss *loss = context;
    const int n = loss->n, begin = tile * TILE_ROWS;
    const double half = 0.5 / n;
    for (int i = begin; i < min_int(begin + TILE_ROWS, loss->rows); i++) {
        float *x = at_row(loss->logits, i, n);
        const int row = loss->first + i;
        double sum = 0;
        for (int j = 0; j < n; j++) {
            const double p =
                expf((float)(x[j] - loss->row_lse[row])) + expf((float)(x[j] - loss->column_lse[j]));
            const double d = half * (j == row ? p - 2 : p);
            sum += d * x[j];
            x[j] = (float)d;
        }
        loss->d_s[row] = sum;
    }
}

static void multiply(Pool *pool, float *c, const float *a, bool trans_a, const float *b, bool trans_b, int m,
                     int n, int k, bool add) {
    const Product product = {.m = m,
                             .n = n,
                             .k = k,
                             .a = a,
                             .lda = trans_a ? m : k,
                             .trans_a = trans_a,
                             .b = b,
                             .ldb = trans_b ? k : n,
                             .trans_b = trans_b,
                             .start = add ? c : NULL,
                             .c = c,
                             .ldc = n};
    product_run(pool, &product, PRECISION_FLOAT32);
}

/* Cosines of a block, which rows_tile scales. */
static void begin_block(Loss *loss, int first, int rows, Pool *pool) {
    loss->first = first;
    loss->rows = rows;
    multiply(pool, loss->logits, at_row(loss->u, first, loss->E), false, loss->v, true, rows, loss->n,
             loss->E, false);
    pool_run(pool, tiles_of(rows, TILE_ROWS), rows_tile, loss);
}

static void differentiate_block(Loss *loss, Pool *pool) {
    const int n = loss->n, E = loss->E, first = loss->first, rows = loss->rows;
    pool_run(pool, tiles_of(rows, TILE_ROWS), gradient_tile, loss);
    if (loss->d_image)
        multiply(pool, at_row(loss->d_u, first, E), loss->logits, false, loss->v, false, rows, E, n, false);
    if (loss->d_text)
        multiply(pool, loss->d_v, loss->logits, true, at_row(loss->u, first, E), false, n, E, rows, true);
}

/* --- all --- */

static int block_rows(int n) {
    return n <= BLOCK_FLOATS / n ? n : BLOCK_FLOATS / n > 1 ? BLOCK_FLOATS / n : 1;
}

static bool loss_alloc(Loss *loss, Arena *arena) {
    const size_t n = (size_t)loss->n, E = (size_t)loss->E;
    loss->u = arena_floats(arena, n, E);
    loss->v = arena_floats(arena, n, E);
    loss->u_norm = arena_floats(arena, n, 1);
    loss->v_norm = arena_floats(arena, n, 1);
    loss->logits = arena_floats(arena, (size_t)block_rows(loss->n), n);
    loss->row_lse = ARENA_NEW(arena, double, n);
    loss->column_lse = ARENA_NEW(arena, double, n);
    loss->column_max = arena_floats(arena, n, 1);
    loss->losses = ARENA_NEW(arena, double, n);
    loss->d_s = ARENA_NEW(arena, double, n);
    loss->d_u = loss->d_image ? arena_floats(arena, n, E) : NULL;
    loss->d_v = loss->d_text ? arena_floats(arena, n, E) : NULL;
    return !arena_failed(arena);
}

static double forward(Loss *loss, Pool *pool) {
    const int n = loss->n, block = block_rows(n);
    pool_run(pool, tiles_of(n, TILE_ROWS), normalise_tile, loss);
    for (int j = 0; j < n; j++)
        loss->column_max[j] = -INFINITY;
    for (int first = 0; first < n; first += block) {
        begin_block(loss, first, min_int(block, n - first), pool);
        pool_run(pool, tiles_of(n, TILE_COLUMNS), columns_tile, loss);
    }
    double sum = 0;
    for (int j = 0; j < n; j++) {
        loss->column_lse[j] = loss->column_max[j] + log(loss->column_lse[j]);
        sum += loss->losses[j] + loss->column_lse[j];
    }
    return sum / (2.0 * n);
}

static double backward(Loss *loss, Pool *pool) {
    const int n = loss->n, block = block_rows(n);
    for (int first = 0; first < n; first += block) {
        if (block < n)
            begin_block(loss, first, min_int(block, n - first), pool);
        differentiate_block(loss, pool);
    }
    pool_run(pool, tiles_of(n, TILE_ROWS), normalise_back_tile, loss);
    double sum = 0;
    for (int i = 0; i < n; i++)
        sum += loss->d_s[i];
    return sum;
}

int contrastive_loss(double *loss, float *d_image, float *d_text, double *d_s, const float *image,
                     const float *text, float s, int n, int E, Pool *pool, Error *err) {
    Arena *arena = arena_create();
    Loss job = {
        .n = n, .E = E, .scale = expf(s), .image = image, .text = text, .d_image = d_image, .d_text = d_text};
    const bool done = loss_alloc(&job, arena);
    if (done) {
        *loss = forward(&job, pool);
        const double d = d_image || d_text || d_s ? backward(&job, pool) : 0;
        if (d_s)
            *d_s = d;
    }
    arena_free(arena);
    return done ? 0 : error_memory(err);
}
