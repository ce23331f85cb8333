/* packed.c: the strips of strips.h under one loop over tiles.
 *
 * A tile is (chunk of rows) x (some panels). Per block of K_BLOCK rows of the matrix, each panel (K_BLOCK x
 * 64 floats, 128 KiB) meets all rows of the chunk, STRIP_ROWS at a time: the kernel holds STRIP_ROWS x panel
 * sums in registers, and per step of k reads one row of the panel and one number of each of its STRIP_ROWS
 * rows. Meanwhile it fetches a piece of the next panel, which is far away in memory: without that, reading
 * each panel for the first time would take a tenth of a product of 216 rows, and a third of one of 60.
 */
#include "clip/math/packed.h"

#include "clip/base/minimum.h"
#include "clip/math/blas.h"
#include "clip/math/strips.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define K_BLOCK 512
#define CHUNK_ROWS 216     /* a multiple of STRIP_ROWS */
#define DEFERRED_ROWS 1080 /* the same for a chunk whose panels are made anew */
#define MIN_CHUNK_ROWS 96  /* for each thread, or a chunk is not one thread's */
#define LEAST_CHUNK 48     /* rows, where chunks are many threads' */
#define PANEL_STRIPS 2     /* what a panel costs each chunk that reads it, in strips */
#define TILES_PER_THREAD 4
#define ROUNDED_TILES_PER_THREAD 1 /* in bfloat16, where each tile rounds its rows anew */
#define PLAIN_COLUMNS 128          /* of a tile without kernels */

bool packed_is_supported(void) {
    return strip_best_panel() != 0;
}

void packed_borrow(PackedMatrix *packed, const float *w, int k, int n, bool transposed) {
    *packed = (PackedMatrix){.k = k, .n = n, .source = w, .transposed = transposed};
}

void packed_create(PackedMatrix *packed, const float *w, int k, int n, bool transposed, Precision precision,
                   Arena *arena) {
    if (precision_here(precision) == PRECISION_BFLOAT16)
        packed_create_bf16(packed, bf16_best_kernel(), w, k, n, transposed, arena);
    else
        packed_create_as(packed, strip_best_panel(), w, k, n, transposed, arena);
}

bool packed_create_bf16(PackedMatrix *packed, Bf16Kernel kernel, const float *w, int k, int n,
                        bool transposed, Arena *arena) {
    if (!bf16_can_multiply(kernel))
        return false;
    *packed = (PackedMatrix){.k = k, .n = n, .panel = BF16_PANEL, .bf16 = kernel};
    packed->halves = bf16_pack(w, k, n, transposed, arena);
    return true;
}

void packed_defer(PackedMatrix *packed, int k, int n, PackedRead read, PackedWhere where,
                  const void *context) {
    *packed = (PackedMatrix){.k = k,
                             .n = n,
                             .panel = strip_best_panel(),
                             .transposed = true,
                             .read = read,
                             .where = where,
                             .context = context};
}

/* out (k, panel): columns of w (k, n) from its column `first` on. */
static void pack_columns(float *out, const float *w, int first, int columns, const PackedMatrix *m) {
    for (int i = 0; i < m->k; i++)
        memcpy(out + (size_t)i * (size_t)m->panel, w + (size_t)i * (size_t)m->n + (size_t)first,
               (size_t)columns * sizeof *out);
}

void packed_rows(PackedMatrix *packed, const float *rows, int first, int count) {
    const size_t k = (size_t)packed->k;
    const int panel = packed->panel;
    if (packed->bf16) {
        bf16_rows(packed->halves, rows, first, count, packed->k);
        return;
    }
    for (int j = 0; j < count; j += panel)
        strip_transpose(packed->panels + (size_t)(first + j) * k, (size_t)panel, rows + (size_t)j * k, k,
                        min_int(panel, count - j), packed->k);
}

/* Room for the panels; NULL, with the arena failed, when there is none. */
static float *make_panels(PackedMatrix *packed, Arena *arena) {
    const int n_panels = (packed->n + packed->panel - 1) / packed->panel;
    packed->panels = arena_floats(arena, (size_t)n_panels * (size_t)packed->panel, (size_t)packed->k);
    return packed->panels;
}

void packed_transpose(PackedMatrix *transposed, const PackedMatrix *matrix, Arena *arena) {
    const size_t k = (size_t)matrix->k, n = (size_t)matrix->n, panel = (size_t)matrix->panel;
    *transposed = *matrix;
    transposed->k = matrix->n;
    transposed->n = matrix->k;
    transposed->transposed = !matrix->transposed;
    if (matrix->bf16)
        transposed->halves = bf16_transpose(matrix->halves, matrix->k, matrix->n, arena);
    if (matrix->bf16 || panel == 0 || !make_panels(transposed, arena))
        return;
    for (size_t i = 0; i < k; i += panel)
        for (size_t j = 0; j < n; j += panel) { /* (panel, panel) where i and j meet, less at the ends */
            const float *in = matrix->panels + j * k + i * panel;
            float *out = transposed->panels + i * n + j * panel;
            for (size_t column = 0; column < panel && j + column < n; column++)
                for (size_t row = 0; row < panel && i + row < k; row++)
                    out[column * panel + row] = in[row * panel + column];
        }
}

void packed_begin(PackedMatrix *packed, int k, int n, Precision precision, Arena *arena) {
    *packed = (PackedMatrix){.k = k, .n = n, .panel = strip_best_panel(), .transposed = true};
    if (precision_here(precision) == PRECISION_BFLOAT16) {
        packed->panel = BF16_PANEL;
        packed->bf16 = bf16_best_kernel();
        packed->halves = bf16_begin(k, n, arena);
    } else {
        make_panels(packed, arena);
    }
}

bool packed_create_as(PackedMatrix *packed, int panel, const float *w, int k, int n, bool transposed,
                      Arena *arena) {
    if (!strip_can_multiply(panel))
        return false;
    *packed = (PackedMatrix){.k = k, .n = n, .panel = panel, .source = w, .transposed = transposed};
    if (panel == 0 || !make_panels(packed, arena))
        return true;
    if (transposed) {
        packed_rows(packed, w, 0, n);
        return true;
    }
    for (int first = 0; first < n; first += panel)
        pack_columns(packed->panels + (size_t)first * (size_t)k, w, first, min_int(panel, n - first), packed);
    return true;
}

/* --- one product --- */

typedef struct {
    float *out;         /* (rows, n) */
    const float *in;    /* (rows, k) */
    const float *bias;  /* (n) or NULL */
    const float *start; /* (rows, n) or NULL */
    const PackedMatrix *matrix;
    int rows;
    StripKernel kernel;
    PackedThen then;     /* run NULL: nothing */
    int chunk;           /* rows of a tile */
    int block, n_blocks; /* columns of a tile, tiles side by side */
} Product;

static const float *panel_at(const PackedMatrix *m, int column, int k0) {
    return m->panels + (size_t)column * (size_t)m->k + (size_t)k0 * (size_t)m->panel;
}

typedef struct {
    int index, row, rows, column, end;
} Tile;

/* What will be needed soon, in floats. */
typedef struct {
    const float *at;
    size_t left;
} Ahead;

/* All rows of a tile times k rows of one panel, b, from row k0 on; meanwhile it fetches what it can of
 * `ahead`. */
static void panel_product(const Product *p, Tile t, int column, int k0, int k, const float *b, Ahead *ahead) {
    const PackedMatrix *m = p->matrix;
    size_t ld = (size_t)m->k, n = (size_t)m->n;
    const float *start = k0 == 0 ? p->start : p->out;
    int columns = min_int(m->panel, m->n - column);
    for (int i = t.row; i < t.row + t.rows; i += STRIP_ROWS) {
        const size_t fetched = min_size((size_t)k * STRIP_AHEAD, ahead->left);
        size_t at = (size_t)i * n + (size_t)column;
        Strip strip = {.mr = min_int(STRIP_ROWS, t.row + t.rows - i),
                       .k = k,
                       .columns = columns,
                       .a = p->in + (size_t)i * ld + (size_t)k0,
                       .b = b,
                       .lda = m->k,
                       .ldc = m->n,
                       .start = start ? start + at : NULL,
                       .bias = p->bias && k0 == 0 ? p->bias + column : NULL,
                       .c = p->out + at,
                       .ahead = fetched > 0 ? ahead->at : b};
        strip_run(p->kernel, &strip, m->panel);
        ahead->at += fetched;
        ahead->left -= fetched;
    }
}

static void float_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    int next_tile = (t.index + 1) % p->n_blocks * p->block; /* for this worker, likely */
    for (int k0 = 0; k0 < m->k; k0 += K_BLOCK) {
        int k = min_int(K_BLOCK, m->k - k0);
        for (int j = t.column; j < t.end; j += m->panel) {
            const float *next = j + m->panel < t.end ? panel_at(m, j + m->panel, k0)
                                : k0 + k < m->k      ? panel_at(m, t.column, k0 + k)
                                                     : panel_at(m, next_tile, 0);
            panel_product(p, t, j, k0, k, panel_at(m, j, k0), &(Ahead){next, (size_t)k * (size_t)m->panel});
        }
    }
}

/* The rows of the panel that this worker is likely to make next. */
static Ahead rows_ahead(const Product *p, Tile t, int column) {
    const PackedMatrix *m = p->matrix;
    const int next = column < t.end ? column : (t.index + 1) % p->n_blocks * p->block;
    size_t bytes = 0;
    const float *at = m->where(m->context, next, &bytes);
    return (Ahead){at, bytes * (size_t)min_int(m->panel, m->n - next) / sizeof *at};
}

/* The same for a deferred matrix: each panel is made, multiplied with all rows, and forgotten. */
static void deferred_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    enum { LINE = 16 /* rows turned together: whole lines of the panel, from the first-level cache */ };
    _Alignas(64) float rows[LINE * K_BLOCK], panel[K_BLOCK * STRIP_PANEL];
    for (int j = t.column; j < t.end; j += m->panel) {
        Ahead ahead = rows_ahead(p, t, j + m->panel);
        for (int k0 = 0; k0 < m->k; k0 += K_BLOCK) {
            int k = min_int(K_BLOCK, m->k - k0), columns = min_int(m->panel, m->n - j);
            if (columns < m->panel)
                memset(panel, 0, sizeof panel);
            for (int i = 0; i < columns; i += LINE) {
                const int n = min_int(LINE, columns - i);
                m->read(m->context, rows, j + i, n, k0, k);
                strip_transpose(panel + i, (size_t)m->panel, rows, (size_t)k, n, k);
            }
            panel_product(p, t, j, k0, k, panel, &ahead);
        }
    }
}

static void bf16_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    size_t at = (size_t)t.row * (size_t)m->n;
    const Bf16Product product = {.out = p->out + at,
                                 .in = p->in + (size_t)t.row * (size_t)m->k,
                                 .panels = m->halves,
                                 .bias = p->bias,
                                 .start = p->start ? p->start + at : NULL,
                                 .floor = -__builtin_inff(),
                                 .k = m->k,
                                 .n = m->n};
    bf16_multiply(m->bf16, &product, t.rows, t.column, t.end);
}

/* What the sums of a tile start from. */
static void start_tile(const Product *p, Tile t) {
    size_t columns = (size_t)(t.end - t.column);
    for (int i = t.row; i < t.row + t.rows; i++) {
        size_t at = (size_t)i * (size_t)p->matrix->n + (size_t)t.column;
        float *out = p->out + at;
        if (!p->start)
            memset(out, 0, columns * sizeof *out);
        else if (p->start != p->out)
            memcpy(out, p->start + at, columns * sizeof *out);
        if (p->bias)
            for (size_t j = 0; j < columns; j++)
                out[j] += p->bias[(size_t)t.column + j];
    }
}

/* Without kernels: OpenBLAS on a part of the source. */
static void plain_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    int ld = m->transposed ? m->k : m->n;
    const float *w = m->source + (m->transposed ? (size_t)t.column * (size_t)ld : (size_t)t.column);
    start_tile(p, t);
    blas_product(false, m->transposed, t.rows, t.end - t.column, m->k, 1,
                 p->in + (size_t)t.row * (size_t)m->k, m->k, w, ld, 1,
                 p->out + (size_t)t.row * (size_t)m->n + (size_t)t.column, m->n);
}

static void run_tile(void *context, int tile, int worker) {
    (void)worker;
    const Product *p = context;
    Tile t = {.index = tile, .row = tile / p->n_blocks * p->chunk, .column = tile % p->n_blocks * p->block};
    t.rows = min_int(p->chunk, p->rows - t.row);
    t.end = min_int(t.column + p->block, p->matrix->n);
    if (p->matrix->bf16)
        bf16_tile(p, t);
    else if (p->matrix->read)
        deferred_tile(p, t);
    else if (p->matrix->panel)
        float_tile(p, t);
    else
        plain_tile(p, t);
    if (p->then.run)
        p->then.run(p->then.context, t.row, t.rows, t.column, t.end - t.column);
}

/* How long the thread with the most tiles works, in strips of a panel. In bfloat16 each tile rounds its rows,
 * too. */
static int64_t longest(const Product *p, int chunk, int panels, int n_threads) {
    const int n_panels = ceil_div(p->matrix->n, p->matrix->panel), strips = chunk / STRIP_ROWS;
    const int tiles = ceil_div(p->rows, chunk) * ceil_div(n_panels, panels);
    const int64_t tile = (int64_t)panels * (strips + PANEL_STRIPS) + (p->matrix->bf16 ? strips : 0);
    return ceil_div(tiles, n_threads) * tile;
}

/* Rows of a chunk: tiles of AMX, which have 16, or strips. */
static int chunk_of(const Product *p, int n_chunks) {
    const int step = p->matrix->bf16 == BF16_AMX ? BF16_ROWS / 2 : STRIP_ROWS;
    return ceil_div(p->rows, step * n_chunks) * step;
}

/* Where there are too few rows for a chunk of each thread: the chunks and blocks that end soonest. */
static void cut_evenly(Product *p, int n_threads) {
    const int panel = p->matrix->panel, n_panels = ceil_div(p->matrix->n, panel);
    int64_t best = INT64_MAX;
    for (int n_chunks = ceil_div(p->rows, CHUNK_ROWS); n_chunks <= ceil_div(p->rows, LEAST_CHUNK);
         n_chunks++) {
        const int chunk = chunk_of(p, n_chunks);
        for (int tiles = TILES_PER_THREAD; tiles > 0; tiles--) {
            const int panels = ceil_div(n_panels * n_chunks, tiles * n_threads);
            const int64_t time = longest(p, chunk, panels, n_threads);
            if (time < best) {
                best = time;
                p->chunk = chunk;
                p->block = panels * panel;
            }
        }
    }
}

/* Cuts rows into chunks, equally many for each thread, so that a thread multiplies rows that are in its
 * cache; columns so that all threads have some tiles to share. Few rows are not cut for this, since every
 * chunk reads the whole matrix; nor those of a deferred matrix, which every chunk packs; nor those that
 * OpenBLAS multiplies, whose bits would change. Returns the number of tiles. */
static int cut_tiles(Product *p, int n_threads) {
    const PackedMatrix *m = p->matrix;
    const int most = m->read ? DEFERRED_ROWS : CHUNK_ROWS;
    int n_chunks = ceil_div(p->rows, most);
    const bool is_free = m->panel > 0 && !m->read, has_many = p->rows >= n_threads * MIN_CHUNK_ROWS;
    if (is_free && !has_many) {
        cut_evenly(p, n_threads);
    } else {
        if (is_free)
            n_chunks = ceil_div(n_chunks, n_threads) * n_threads;
        p->chunk = chunk_of(p, n_chunks);
        const int per_thread = m->bf16 ? ROUNDED_TILES_PER_THREAD : TILES_PER_THREAD;
        int columns = (int)((int64_t)m->n * ceil_div(p->rows, p->chunk) / (per_thread * n_threads));
        p->block = m->panel == 0        ? PLAIN_COLUMNS
                   : columns < m->panel ? m->panel
                                        : columns / m->panel * m->panel;
    }
    p->n_blocks = ceil_div(m->n, p->block);
    return ceil_div(p->rows, p->chunk) * p->n_blocks;
}

void packed_product_then(Pool *pool, float *out, const float *in, const PackedMatrix *matrix,
                         const float *bias, const float *start, int rows, PackedThen then) {
    Product p = {.out = out,
                 .in = in,
                 .bias = bias,
                 .start = start,
                 .matrix = matrix,
                 .rows = rows,
                 .kernel = strip_kernel(matrix->panel),
                 .then = then};
    if (rows > 0)
        pool_run(pool, cut_tiles(&p, pool_threads(pool)), run_tile, &p);
}

void packed_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, const float *bias,
                    const float *start, int rows) {
    packed_product_then(pool, out, in, matrix, bias, start, rows, (PackedThen){0});
}
