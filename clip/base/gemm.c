/* gemm.c: matrix products, by OpenBLAS on one thread, and the tiles of a linear layer. */
#include "clip/base/gemm.h"

#include "clip/base/arena.h"

#include <cblas.h>
#include <pthread.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

/* Tiles of a linear layer. */
#define CHUNK_ROWS 256
#define BLOCK_COLUMNS 256

/* OpenBLAS keeps its number of threads for the whole process; this flag is as global as that. */
static pthread_once_t single_threaded = PTHREAD_ONCE_INIT;

static void set_single_threaded(void) {
    openblas_set_num_threads(1);
}

void gemm(bool trans_a, bool trans_b, int m, int n, int k, float alpha, const float *a, int lda,
          const float *b, int ldb, float beta, float *c, int ldc) {
    pthread_once(&single_threaded, set_single_threaded);
    cblas_sgemm(CblasRowMajor, trans_a ? CblasTrans : CblasNoTrans, trans_b ? CblasTrans : CblasNoTrans, m, n,
                k, alpha, a, lda, b, ldb, beta, c, ldc);
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

static int min_int(int a, int b) {
    return a < b ? a : b;
}

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

    /* The bias goes in first, while it costs only the write that the product then adds to. */
    if (p->bias)
        add_bias(c, p->bias + column, rows, columns, p->n, p->accumulate);
    gemm(false, p->trans_w, rows, columns, p->k, 1.0f, p->a + (size_t)row * p->k, p->k, w,
         p->trans_w ? p->k : p->n, p->bias || p->accumulate ? 1.0f : 0.0f, c, p->n);
}

static void linear_run(Pool *pool, Linear *p) {
    if (p->rows == 0 || p->n == 0)
        return;
    p->chunk = CHUNK_ROWS;
    p->block = BLOCK_COLUMNS;
    p->n_blocks = (p->n + p->block - 1) / p->block;
    int n_chunks = (p->rows + p->chunk - 1) / p->chunk;
    pool_run(pool, n_chunks * p->n_blocks, linear_tile, p);
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

/* out = in w^T + bias  gives  d_in += d_out w. */
void linear_backward(Pool *pool, float *d_in, const float *d_out, const float *w, int rows, int n_in,
                     int n_out) {
    Linear p = {.c = d_in,
                .a = d_out,
                .w = w,
                .rows = rows,
                .n = n_in,
                .k = n_out,
                .trans_w = false,
                .accumulate = true};
    linear_run(pool, &p);
}

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double gemm_peak_gflops(void) {
    enum { SIZE = 1536, TRIES = 5 };
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
    for (int i = 0; i < TRIES; i++) {
        double start = seconds();
        gemm(false, true, SIZE, SIZE, SIZE, 1.0f, a, SIZE, b, SIZE, 0.0f, c, SIZE);
        double gflops = 2e-9 * SIZE * SIZE * SIZE / (seconds() - start);
        best = gflops > best ? gflops : best;
    }
out:
    arena_free(arena);
    return best;
}
