/* gemm.c: matrix products, by OpenBLAS unless it would spread them over its threads, and the tiles of a
 * linear layer.
 *
 * The tiles. OpenBLAS packs both operands of every product, so a tile costs its share of the work times about
 * 1 + 28 / columns + 33 / rows (measured with OpenBLAS 0.3.21 on one AVX-512 core: k 512 and 2048, n 512 to
 * 2048). Cutting columns is the cheaper cut as long as there are few rows, and each core then reads only its
 * share of the weights. Hence rows are cut only into chunks of about 512, and columns so that there are about
 * 16 tiles, but not narrower than 64. In GFLOP/s of one core, for k 512 and n 1536:
 *
 *     rows   one tile   4 tiles   16 tiles
 *       60         87        83         78
 *      110        107       104         94
 *      430        143       130        126
 *
 * Under 32 rows only the weights count. Forward, 64 columns are best by far (17 rows: 52 against 34), as
 * OpenBLAS then packs nothing; backward, a block takes a short piece of every row of the weights, and 128
 * columns are the fewest that make sense.
 */
#include "clip/math/gemm.h"

#include "clip/base/arena.h"
#include "clip/base/clock.h"
#include "clip/base/minimum.h"
#include "clip/math/blas.h"
#include "clip/math/product.h"
#include "clip/math/strips.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CHUNK_ROWS 512
#define WEIGHT_ROWS 64 /* of a weight's gradient */
#define FEW_ROWS 32
#define MIN_BLOCK 64
#define MAX_BLOCK 512
#define TILES_WANTED 16

/* By the kernels of product.h, where there are any; their c begins with c or zero, and has no factor. */
static bool multiply_alone(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a,
                           int lda, const float *b, int ldb, float beta, float *c, int ldc) {
    if (strip_best_panel() == 0 || (beta != 0 && (beta != 1 || alpha != 1)))
        return false;
    const Product product = {.m = m,
                             .n = n,
                             .k = k,
                             .a = a,
                             .lda = lda,
                             .trans_a = trans_a,
                             .b = b,
                             .ldb = ldb,
                             .trans_b = trans_b,
                             .start = beta != 0 ? c : NULL,
                             .c = c,
                             .ldc = ldc};
    product_run(NULL, &product, PRECISION_FLOAT32);
    for (int i = 0; i < m && alpha != 1; i++)
        for (int j = 0; j < n; j++)
            c[(size_t)i * (size_t)ldc + (size_t)j] *= alpha;
    return true;
}

void gemm(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc) {
    if (!blas_spreads(m, n, k) ||
        !multiply_alone(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc))
        blas_product(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

void gemm_double(bool trans_a, bool trans_b, int m, int n, int k, double alpha, const double *a, int lda,
                 const double *b, int ldb, double beta, double *c, int ldc) {
    blas_product_double(trans_a, trans_b, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* c (rows, n) = a (rows, k) op(w) + bias, in tiles of c. */
typedef struct {
    float *c;          /* (rows, n) */
    const float *a;    /* (rows, k) */
    const float *w;    /* (n, k) if trans_w, else (k, n) */
    const float *bias; /* (n) or NULL */
    int rows, n, k;
    bool trans_w, accumulate;
    int chunk, block; /* the size of a tile: rows, columns */
    int n_blocks;     /* tiles side by side */
} Linear;

static void add_bias(float *c, const float *bias, int rows, int columns, int ldc, bool accumulate) {
    for (int i = 0; i < rows; i++) {
        float *row = c + (size_t)i * ldc;
        if (!accumulate) {
            memcpy(row, bias, (size_t)columns * sizeof *row);
            continue;
        }
        for (int j = 0; j < columns; j++)
            row[j] += bias[j];
    }
}

static void linear_tile(void *context, int tile, int worker) {
    (void)worker;
    const Linear *p = context;
    int row = tile / p->n_blocks * p->chunk, column = tile % p->n_blocks * p->block;
    int rows = min_int(p->chunk, p->rows - row), columns = min_int(p->block, p->n - column);
    float *c = p->c + (size_t)row * p->n + column;
    const float *w = p->w + (p->trans_w ? (size_t)column * p->k : (size_t)column);

    /* The bias goes in first, when it costs only the write that the product then adds to. */
    if (p->bias)
        add_bias(c, p->bias + column, rows, columns, p->n, p->accumulate);
    gemm(false, p->trans_w, rows, columns, p->k, 1.0f, p->a + (size_t)row * p->k, p->k, w,
         p->trans_w ? p->k : p->n, p->bias || p->accumulate ? 1.0f : 0.0f, c, p->n);
}

/* The sizes alone decide, never the number of threads. */
static void choose_tiles(Linear *p) {
    int n_chunks = p->rows / CHUNK_ROWS + (p->rows % CHUNK_ROWS > CHUNK_ROWS / 2 || p->rows < CHUNK_ROWS);
    int64_t block = (int64_t)p->n * n_chunks / TILES_WANTED;
    if (p->rows < FEW_ROWS)
        block = p->trans_w ? MIN_BLOCK : 2 * MIN_BLOCK;
    if (block < MIN_BLOCK)
        block = MIN_BLOCK;
    p->chunk = ceil_div(ceil_div(p->rows, n_chunks), 16) * 16;
    p->block = ceil_div((int)(block < MAX_BLOCK ? block : MAX_BLOCK), 32) * 32;
}

static void linear_run(Pool *pool, Linear *p) {
    if (p->rows == 0 || p->n == 0)
        return;
    choose_tiles(p);
    p->n_blocks = ceil_div(p->n, p->block);
    pool_run(pool, ceil_div(p->rows, p->chunk) * p->n_blocks, linear_tile, p);
}

void linear_forward(Pool *pool, float *out, const float *in, const float *w, const float *bias, int rows,
                    int n_in, int n_out, bool accumulate) {
    Linear p = {.c = out,
                .a = in,
                .w = w,
                .bias = bias,
                .rows = rows,
                .n = n_out,
                .k = n_in,
                .trans_w = true,
                .accumulate = accumulate};
    linear_run(pool, &p);
}

/* out = in w^T + bias  gives  d_in = d_out w. */
void linear_backward(Pool *pool, float *d_in, const float *d_out, const float *w, int rows, int n_in,
                     int n_out, bool accumulate) {
    Linear p = {.c = d_in,
                .a = d_out,
                .w = w,
                .rows = rows,
                .n = n_in,
                .k = n_out,
                .trans_w = false,
                .accumulate = accumulate};
    linear_run(pool, &p);
}

typedef struct {
    float *d_w;              /* (n_out, n_in) */
    const float *d_out, *in; /* (rows, n_out), (rows, n_in) */
    int rows, n_in, n_out;
} WeightGradient;

static void weight_tile(void *context, int tile, int worker) {
    (void)worker;
    const WeightGradient *p = context;
    int first = tile * WEIGHT_ROWS;
    gemm(true, false, min_int(WEIGHT_ROWS, p->n_out - first), p->n_in, p->rows, 1.0f, p->d_out + first,
         p->n_out, p->in, p->n_in, 0.0f, p->d_w + (size_t)first * p->n_in, p->n_in);
}

/* out = in w^T  gives  d_w = d_out^T in. */
void linear_backward_weight(Pool *pool, float *d_w, const float *d_out, const float *in, int rows, int n_in,
                            int n_out) {
    WeightGradient p = {d_w, d_out, in, rows, n_in, n_out};
    pool_run(pool, ceil_div(n_out, WEIGHT_ROWS), weight_tile, &p);
}

double gemm_peak_gflops(void) {
    enum { SIZE = 1024, TRIES = 8 };
    const double enough = 0.3; /* seconds */
    double best = 0.0;
    Arena *arena = arena_create();
    if (!arena)
        return 0.0;
    float *a = arena_floats(arena, SIZE, SIZE);
    float *b = arena_floats(arena, SIZE, SIZE);
    float *c = arena_floats(arena, SIZE, SIZE);
    if (arena_failed(arena))
        goto out;
    for (int i = 0; i < SIZE * SIZE; i++) {
        a[i] = (float)(i % 7) - 3.0f;
        b[i] = (float)(i % 5) - 2.0f;
    }
    double end = clock_seconds() + enough;
    for (int i = 0; i < TRIES && (i == 0 || clock_seconds() < end); i++) {
        double start = clock_seconds();
        gemm(false, true, SIZE, SIZE, SIZE, 1.0f, a, SIZE, b, SIZE, 0.0f, c, SIZE);
        double gflops = 2e-9 * SIZE * SIZE * SIZE / (clock_seconds() - start);
        best = gflops > best ? gflops : best;
    }
out:
    arena_free(arena);
    return best;
}
