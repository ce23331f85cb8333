/* product.c: see product.h
 *
 * A tile of c is some rows and some panels of columns. Per block of k, each panel of op(b) is packed into the
 * cache, and all rows of the tile meet it there. Rows of a that lie as the kernel wants them are read where
 * they are; a transposed a, or one that must be rounded, is packed once per tile and block.
 *
 * In bfloat16, where packing costs more beside the products, tiles above each other share the panels of a
 * block of k: these are packed by all threads before it.
 */
#include "clip/math/product.h"

#include "clip/base/clock.h"
#include "clip/base/minimum.h"
#include "clip/math/blas.h"
#include "clip/math/strips.h"

#include <stdlib.h>
#include <string.h>

enum {
    TILE_ROWS = 384, /* a multiple of the rows of every kernel */
    ROW_STEP = 96,   /* the least such */
    BF16_TILE_ROWS = 192,
    BF16_ROW_STEP = 16,
    K_BLOCK = 384,              /* with TILE_ROWS, a block of a takes half of the second-level cache */
    PACKED_STEP = K_BLOCK + 16, /* from row to row of a packed a: rows in different sets of a cache */
    BF16_K_BLOCK = 1536, /* twice that: sums are added to c less often, which is worth more (measured) */
    PACK_AHEAD = 8,      /* rows fetched before they are packed */
    TILES_PER_THREAD = 4,
    PACKED_TILES = 2, /* the same where a tile transposes rows of a for itself */
    LEAST_ROWS = 24,  /* of a tile: packing a panel costs about 16 rows' products */
    COLUMN_STEP = 64, /* a multiple of every panel */
    PLAIN_ROWS = 192,
    PLAIN_COLUMNS = 256 /* of a tile without kernels */
};

typedef struct {
    const Product *product;
    int panel;         /* of a float kernel */
    StripKernel strip; /* NULL: OpenBLAS */
    Bf16Kernel bf16;   /* instead of `strip` */
    int rows, columns; /* of a tile */
    int n_across;
    int k0;           /* of a block of k that all tiles share: */
    uint16_t *panels; /* its panels; NULL: each tile packs its own */
} Job;

typedef struct {
    int row, rows, column, columns;
} Tile;

/* op(a) from (row, k0) on, and op(b) from (k0, column) on. */
static const float *a_at(const Product *p, int row, int k0) {
    const size_t i = (size_t)row, j = (size_t)k0, ld = (size_t)p->lda;
    return p->a + (p->trans_a ? j * ld + i : i * ld + j);
}

static const float *b_at(const Product *p, int k0, int column) {
    const size_t i = (size_t)k0, j = (size_t)column, ld = (size_t)p->ldb;
    return p->b + (p->trans_b ? j * ld + i : i * ld + j);
}

/* --- float --- */

/* panel (k, width) = op(b) from (k0, column) on; zeros after its last column. */
static void pack_panel(float *panel, const Product *p, int width, int k0, int k, int column, int columns) {
    const float *b = b_at(p, k0, column);
    const size_t ldb = (size_t)p->ldb, bytes = (size_t)columns * sizeof *b;
    if (columns < width)
        memset(panel, 0, (size_t)k * (size_t)width * sizeof *panel);
    if (p->trans_b)
        strip_transpose(panel, (size_t)width, b, ldb, columns, k);
    else
        for (size_t i = 0; i < (size_t)k; i++) {
            for (size_t j = 0; j < (size_t)columns; j += 16)
                __builtin_prefetch(b + (i + PACK_AHEAD) * ldb + j);
            memcpy(panel + i * (size_t)width, b + i * ldb, bytes);
        }
}

/* All rows of a tile times one panel: a (rows, k), of which the first is row `row` of the product. */
static void panel_product(const Job *job, const Tile *t, const float *a, int lda, const float *panel, int k0,
                          int k, int column, int columns) {
    const Product *p = job->product;
    const float *start = k0 == 0 ? p->start : p->c;
    for (int i = 0; i < t->rows; i += STRIP_ROWS) {
        const size_t at = (size_t)(t->row + i) * (size_t)p->ldc + (size_t)column;
        const Strip strip = {.mr = min_int(STRIP_ROWS, t->rows - i),
                             .k = k,
                             .columns = columns,
                             .a = a + (size_t)i * (size_t)lda,
                             .b = panel,
                             .lda = lda,
                             .ldc = p->ldc,
                             .start = start ? start + at : NULL,
                             .bias = p->bias && k0 == 0 ? p->bias + column : NULL,
                             .c = p->c + at,
                             .ahead = panel};
        strip_run(job->strip, &strip, job->panel);
    }
}

static void float_tile(const Job *job, const Tile *t) {
    const Product *p = job->product;
    _Alignas(64) float packed[TILE_ROWS * PACKED_STEP], panel[K_BLOCK * STRIP_PANEL];
    const int end = t->column + t->columns;
    for (int k0 = 0; k0 == 0 || k0 < p->k; k0 += K_BLOCK) {
        const int k = min_int(K_BLOCK, p->k - k0), lda = p->trans_a ? PACKED_STEP : p->lda;
        const float *a = a_at(p, t->row, k0);
        if (p->trans_a) {
            strip_transpose(packed, PACKED_STEP, a, (size_t)p->lda, k, t->rows);
            a = packed;
        }
        for (int j = t->column; j < end; j += job->panel) {
            const int columns = min_int(job->panel, end - j);
            pack_panel(panel, p, job->panel, k0, k, j, columns);
            panel_product(job, t, a, lda, panel, k0, k, j, columns);
        }
    }
}

/* --- bfloat16 --- */

/* The panel of op(b) from (k0, column) on. */
static void pack_bf16(uint16_t *panel, const Product *p, int k0, int k, int column) {
    bf16_right(panel, b_at(p, k0, column), p->ldb, p->trans_b, k, min_int(BF16_PANEL, p->n - column));
}

static uint16_t *shared_panel(const Job *job, int k, int column) {
    return job->panels + (size_t)(column / BF16_PANEL) * (size_t)bf16_padded(k) * BF16_PANEL;
}

static void bf16_tile_block(const Job *job, const Tile *t, int k0) {
    const Product *p = job->product;
    _Alignas(64) uint16_t a[BF16_TILE_ROWS * BF16_K_BLOCK], own[BF16_K_BLOCK * BF16_PANEL];
    const int end = t->column + t->columns, k = min_int(BF16_K_BLOCK, p->k - k0);
    const float *start = k0 == 0 ? p->start : p->c;
    bf16_left(a, a_at(p, t->row, k0), p->lda, p->trans_a, t->rows, k);
    for (int j = t->column; j < end; j += BF16_PANEL) {
        const size_t at = (size_t)t->row * (size_t)p->ldc + (size_t)j;
        if (!job->panels)
            pack_bf16(own, p, k0, k, j);
        const Bf16Block block = {.out = p->c + at,
                                 .start = start ? start + at : NULL,
                                 .ldc = p->ldc,
                                 .a = a,
                                 .panel = job->panels ? shared_panel(job, k, j) : own,
                                 .bias = p->bias && k0 == 0 ? p->bias + j : NULL,
                                 .rows = t->rows,
                                 .k = k,
                                 .columns = min_int(BF16_PANEL, end - j)};
        bf16_block(job->bf16, &block);
    }
}

static void bf16_tile(const Job *job, const Tile *t) {
    for (int k0 = 0; k0 == 0 || k0 < job->product->k; k0 += BF16_K_BLOCK)
        bf16_tile_block(job, t, k0);
}

/* --- without kernels --- */

static void start_row(const Product *p, float *c, size_t at, int column, int columns) {
    if (!p->start)
        memset(c, 0, (size_t)columns * sizeof *c);
    else if (p->start != p->c)
        memcpy(c, p->start + at, (size_t)columns * sizeof *c);
    for (int j = 0; p->bias && j < columns; j++)
        c[j] += p->bias[column + j];
}

static void plain_tile(const Job *job, const Tile *t) {
    const Product *p = job->product;
    for (int i = t->row; i < t->row + t->rows; i++) {
        const size_t at = (size_t)i * (size_t)p->ldc + (size_t)t->column;
        start_row(p, p->c + at, at, t->column, t->columns);
    }
    blas_product(p->trans_a, p->trans_b, t->rows, t->columns, p->k, 1, a_at(p, t->row, 0), p->lda,
                 b_at(p, 0, t->column), p->ldb, 1, p->c + (size_t)t->row * (size_t)p->ldc + (size_t)t->column,
                 p->ldc);
}

/* --- all --- */

static Tile tile_at(const Job *job, int tile) {
    const Product *p = job->product;
    Tile t = {.row = tile / job->n_across * job->rows, .column = tile % job->n_across * job->columns};
    t.rows = min_int(job->rows, p->m - t.row);
    t.columns = min_int(job->columns, p->n - t.column);
    return t;
}

static void finish_tile(const Product *p, const Tile *t) {
    if (p->then.run)
        p->then.run(p->then.context, t->row, t->rows, t->column, t->columns);
}

static void run_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const Tile t = tile_at(job, tile);
    if (job->bf16)
        bf16_tile(job, &t);
    else if (job->strip)
        float_tile(job, &t);
    else
        plain_tile(job, &t);
    finish_tile(job->product, &t);
}

/* Tall tiles, since each packs its panels anew, or what it needs of a; as wide as leaves every thread some of
 * all the tiles of n_pieces. No bit depends on where kernels cut. Returns the number of tiles of a piece. */
static int cut_tiles(Job *job, int n_pieces, int n_threads) {
    const int m = job->product->m, n = job->product->n;
    job->rows = PLAIN_ROWS;
    job->columns = PLAIN_COLUMNS;
    if (job->bf16 || job->strip) {
        int n_down = ceil_div(m, job->bf16 ? BF16_TILE_ROWS : TILE_ROWS);
        int step = job->bf16 ? BF16_ROW_STEP : ROW_STEP;
        const int most = ceil_div(n, COLUMN_STEP);
        if (job->bf16 && n_down > n_threads) /* as many for each thread */
            n_down = ceil_div(n_down, n_threads) * n_threads;
        if (job->strip && !job->product->trans_a && n_down * most * n_pieces < 2 * n_threads) {
            step = STRIP_ROWS; /* so few columns are shared badly: 100 are 64 and 36 */
            n_down = min_int(n_threads, ceil_div(m, LEAST_ROWS));
        }
        const int per_thread = job->product->trans_a ? PACKED_TILES : TILES_PER_THREAD;
        const int64_t wanted = per_thread * (int64_t)n_threads / n_down / n_pieces;
        const int n_across = wanted < 1 ? 1 : wanted > most ? most : (int)wanted;
        job->rows = ceil_div(ceil_div(m, n_down), step) * step;
        job->columns = ceil_div(ceil_div(n, n_across), COLUMN_STEP) * COLUMN_STEP;
    }
    job->n_across = ceil_div(n, job->columns);
    return ceil_div(m, job->rows) * job->n_across;
}

/* --- panels that tiles share --- */

static void pack_shared(void *context, int panel, int worker) {
    (void)worker;
    const Job *job = context;
    const int k = min_int(BF16_K_BLOCK, job->product->k - job->k0), column = panel * BF16_PANEL;
    pack_bf16(shared_panel(job, k, column), job->product, job->k0, k, column);
}

static void run_shared_tile(void *context, int tile, int worker) {
    (void)worker;
    const Job *job = context;
    const Tile t = tile_at(job, tile);
    bf16_tile_block(job, &t, job->k0);
    if (job->k0 + BF16_K_BLOCK >= job->product->k)
        finish_tile(job->product, &t);
}

static void run_tiles(Pool *pool, Job *job) {
    const Product *p = job->product;
    const int n_tiles = cut_tiles(job, 1, pool_threads(pool)), n_panels = ceil_div(p->n, BF16_PANEL);
    if (job->bf16 && n_tiles > job->n_across && p->k > 0)
        job->panels = aligned_alloc(64, (size_t)n_panels * BF16_PANEL * sizeof *job->panels *
                                            (size_t)bf16_padded(min_int(BF16_K_BLOCK, p->k)));
    if (!job->panels) /* tiles side by side, or no memory */
        pool_run(pool, n_tiles, run_tile, job);
    for (job->k0 = 0; job->panels && job->k0 < p->k; job->k0 += BF16_K_BLOCK) {
        pool_run(pool, n_panels, pack_shared, job);
        pool_run(pool, n_tiles, run_shared_tile, job);
    }
    free(job->panels);
}

/* --- a long k in pieces --- */

enum { PIECE = 4096, MAX_SUMS = 128 << 10, SUM_ROWS = 16 };

typedef struct {
    const Product *whole;
    Product turned; /* c^T = op(b)^T op(a)^T */
    Job job;        /* of `whole` or `turned`, with the tiles of a piece */
    int n_pieces, length, n_tiles;
    float *sums; /* (n_pieces, m, n); of `turned` (n_pieces, n, m) */
} Pieces;

static int count_pieces(const Product *p) {
    const int64_t room = MAX_SUMS / ((int64_t)p->m * p->n), most = ceil_div(p->k, PIECE);
    return p->k <= PRODUCT_LONGEST_CHAIN || room < 2 ? 1 : (int)(room < most ? room : most);
}

static void run_piece(void *context, int tile, int worker) {
    const Pieces *pieces = context;
    const int piece = tile / pieces->n_tiles, k0 = piece * pieces->length;
    Product p = *pieces->job.product;
    p.a = a_at(&p, 0, k0);
    p.b = b_at(&p, k0, 0);
    p.k = min_int(pieces->length, p.k - k0);
    p.bias = p.start = NULL;
    p.c = pieces->sums + (size_t)piece * (size_t)p.m * (size_t)p.n;
    p.ldc = p.n;
    p.then.run = NULL;
    Job job = pieces->job;
    job.product = &p;
    run_tile(&job, tile % pieces->n_tiles, worker);
}

/* c (n) += sums (n), sums_step apart */
static void add_sums(float *c, const float *sums, size_t sums_step, size_t n) {
    for (size_t j = 0; j < n; j++)
        c[j] += sums[j * sums_step];
}

static void add_pieces(void *context, int tile, int worker) {
    (void)worker;
    const Pieces *pieces = context;
    const Product *p = pieces->whole;
    const bool turned = pieces->job.product != p;
    const size_t m = (size_t)p->m, n = (size_t)p->n;
    const int row = tile * SUM_ROWS, rows = min_int(SUM_ROWS, p->m - row);
    for (int i = row; i < row + rows; i++) {
        const size_t at = (size_t)i * (size_t)p->ldc;
        start_row(p, p->c + at, at, 0, p->n);
        for (int piece = 0; piece < pieces->n_pieces; piece++) {
            const float *sums = pieces->sums + (size_t)piece * m * n;
            add_sums(p->c + at, turned ? sums + i : sums + (size_t)i * n, turned ? m : 1, n);
        }
    }
    if (p->then.run)
        p->then.run(p->then.context, row, rows, 0, p->n);
}

/* The transpose of a product, which has the same bits, since a factor is either of two. */
static Product turn(const Product *p) {
    return (Product){.m = p->n,
                     .n = p->m,
                     .k = p->k,
                     .a = p->b,
                     .b = p->a,
                     .lda = p->ldb,
                     .ldb = p->lda,
                     .trans_a = !p->trans_b,
                     .trans_b = !p->trans_a};
}

/* Of the gradient of a weight that has more rows than columns the transpose is computed: what is transposed
 * in packing is then the smaller factor. */
static void run_pieces(Pool *pool, const Job *job, int n_pieces) {
    _Alignas(64) float sums[MAX_SUMS];
    const Product *p = job->product;
    Pieces pieces = {.whole = p, .turned = turn(p), .job = *job, .sums = sums};
    pieces.length = ceil_div(ceil_div(p->k, n_pieces), K_BLOCK) * K_BLOCK;
    pieces.n_pieces = ceil_div(p->k, pieces.length);
    if (p->trans_a && !p->trans_b && p->m > p->n)
        pieces.job.product = &pieces.turned;
    pieces.n_tiles = cut_tiles(&pieces.job, pieces.n_pieces, pool_threads(pool));
    pool_run(pool, pieces.n_pieces * pieces.n_tiles, run_piece, &pieces);
    pool_run(pool, ceil_div(p->m, SUM_ROWS), add_pieces, &pieces);
}

bool product_run_as(Pool *pool, const Product *product, int panel, Bf16Kernel kernel) {
    if (kernel ? !bf16_can_multiply(kernel) : !strip_can_multiply(panel))
        return false;
    if (product->m == 0 || product->n == 0)
        return true;
    Job job = {
        .product = product, .panel = panel, .strip = panel ? strip_kernel(panel) : NULL, .bf16 = kernel};
    const int n_pieces = kernel || panel ? count_pieces(product) : 1;
    if (n_pieces > 1)
        run_pieces(pool, &job, n_pieces);
    else
        run_tiles(pool, &job);
    return true;
}

void product_run(Pool *pool, const Product *product, Precision precision) {
    const bool halves = precision_here(precision) == PRECISION_BFLOAT16;
    product_run_as(pool, product, strip_best_panel(), halves ? bf16_best_kernel() : BF16_NONE);
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

enum { PEAK_K = 384, PEAK_ROWS = 48 };

/* `times` products of PEAK_ROWS rows with one panel. The floats also serve as twice as many halves. */
static void multiply_in_cache(int panel, Bf16Kernel kernel, int times) {
    _Alignas(64) float a[PEAK_ROWS * PEAK_K], b[PEAK_K * STRIP_PANEL], c[PEAK_ROWS * STRIP_PANEL];
    for (int i = 0; i < PEAK_ROWS * PEAK_K; i++)
        a[i] = 1;
    for (int i = 0; i < PEAK_K * STRIP_PANEL; i++)
        b[i] = 1;
    const void *halves_a = a, *halves_b = b;
    const Product product = {.m = PEAK_ROWS, .c = c, .ldc = STRIP_PANEL};
    const Job job = {.product = &product, .panel = panel, .strip = strip_kernel(panel)};
    const Tile tile = {.rows = PEAK_ROWS};
    const Bf16Block block = {.out = c,
                             .ldc = STRIP_PANEL,
                             .a = halves_a,
                             .panel = halves_b,
                             .rows = PEAK_ROWS,
                             .k = 2 * PEAK_K,
                             .columns = BF16_PANEL};
    for (int i = 0; i < times; i++)
        if (kernel)
            bf16_block(kernel, &block);
        else
            panel_product(&job, &tile, a, PEAK_K, b, 0, PEAK_K, 0, panel);
}

double product_peak_gflops(Precision precision) {
    enum { TIMES = 20, TRIES = 200 };
    const double end = clock_seconds() + 0.2;
    const bool halves = precision_here(precision) == PRECISION_BFLOAT16;
    const int panel = halves ? BF16_PANEL : strip_best_panel();
    double best = 0;
    for (int i = 0; panel && i < TRIES && (i == 0 || clock_seconds() < end); i++) {
        const double begin = clock_seconds();
        multiply_in_cache(panel, halves ? bf16_best_kernel() : BF16_NONE, TIMES);
        const double gflops =
            2e-9 * PEAK_ROWS * (halves ? 2 : 1) * PEAK_K * panel * TIMES / (clock_seconds() - begin);
        best = gflops > best ? gflops : best;
    }
    return best;
}
