/* packed.c: a micro-kernel for each vector width, chosen at run time, under one loop over tiles.
 *
 * A tile is (chunk of rows) x (some panels). Per block of K_BLOCK rows of the matrix, each panel (K_BLOCK x
 * 64 floats, 128 KiB) meets all rows of the chunk, MR at a time: the kernel holds MR x panel sums in
 * registers, and per step of k reads one row of the panel and one number of each of its MR rows. Meanwhile it
 * fetches a piece of the next panel, which is far away in memory: without that, reading each panel for the
 * first time would take a tenth of a product of 216 rows, and a third of one of 60.
 */
#include "clip/math/packed.h"

#include "clip/base/minimum.h"
#include "clip/math/gemm.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_KERNELS 1
#include <immintrin.h>
#else
#define HAVE_KERNELS 0
#endif

#define K_BLOCK 512
#define MR 6           /* rows of a strip: with 4 vectors of 32 registers, or 2 of 16, the sums fill these */
#define CHUNK_ROWS 216 /* a multiple of MR */
#define DEFERRED_ROWS 1080 /* the same for a chunk whose panels are made anew */
#define MIN_CHUNK_ROWS 96  /* for each thread, or rows are not cut for the threads */
#define TILES_PER_THREAD 4
#define MAX_PANEL 64
#define PLAIN_COLUMNS 128 /* of a tile without kernels */
#define AHEAD 8 /* floats fetched per step of k: eight strips together fetch a panel of 64 columns */
#define NEAR 4  /* how many steps of k ahead a panel is fetched into the first-level cache */

/* A strip: mr rows of one panel, c (mr, panel) = start + bias + a (mr, k) b (k, panel). */
typedef struct {
    int mr, k;
    const float *a, *b;
    int lda, ldc;       /* from one row to the next of a; of c and start */
    const float *start; /* (mr, panel), may be c; NULL: zero */
    const float *bias;  /* (panel); NULL: zero */
    float *c;
    const float *ahead; /* k AHEAD floats that are needed soon: fetched into the second-level cache */
} Strip;

typedef void (*Kernel)(const Strip *strip);

#if HAVE_KERNELS

#define KERNEL kernel_512
#define BITS 512
#include "clip/math/packed_kernel.h"

#define KERNEL kernel_256
#define BITS 256
#include "clip/math/packed_kernel.h"

/* out (8, 8) = in (8, 8) transposed; rows are out_step and in_step apart. Every processor with a kernel can.
 */
__attribute__((target("avx2"))) static void transpose_8(float *out, size_t out_step, const float *in,
                                                        size_t in_step) {
    __m256 a[8], b[8];
    for (size_t i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(in + i * in_step);
    for (size_t i = 0; i < 8; i += 2) { /* pairs of rows, element by element */
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) { /* fours: columns 0 and 4, 1 and 5, 2 and 6, 3 and 7 of four rows */
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + i * out_step, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * out_step, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

#else

static void transpose_8(float *out, size_t out_step, const float *in, size_t in_step) {
    (void)out, (void)out_step, (void)in, (void)in_step; /* nothing is packed without a kernel */
}

#endif

static bool can_multiply(int panel) {
#if HAVE_KERNELS
    if (panel == 64)
        return __builtin_cpu_supports("avx512f");
    if (panel == 16)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return panel == 0;
}

static Kernel kernel_of(int panel) {
#if HAVE_KERNELS
    return panel == 64 ? kernel_512 : kernel_256;
#else
    (void)panel;
    return NULL;
#endif
}

static int best_panel(void) {
    return can_multiply(64) ? 64 : can_multiply(16) ? 16 : 0;
}

bool packed_is_supported(void) {
    return best_panel() != 0;
}

void packed_borrow(PackedMatrix *packed, const float *w, int k, int n, bool transposed) {
    *packed = (PackedMatrix){.k = k, .n = n, .source = w, .transposed = transposed};
}

void packed_create(PackedMatrix *packed, const float *w, int k, int n, bool transposed, Precision precision,
                   Arena *arena) {
    if (precision_here(precision) == PRECISION_BFLOAT16)
        packed_create_bf16(packed, bf16_best_kernel(), w, k, n, transposed, arena);
    else
        packed_create_as(packed, best_panel(), w, k, n, transposed, arena);
}

bool packed_create_bf16(PackedMatrix *packed, Bf16Kernel kernel, const float *w, int k, int n,
                        bool transposed, Arena *arena) {
    if (!bf16_can_multiply(kernel))
        return false;
    *packed = (PackedMatrix){.k = k, .n = n, .panel = BF16_PANEL, .bf16 = kernel};
    packed->halves = bf16_pack(w, k, n, transposed, arena);
    return true;
}

void packed_defer(PackedMatrix *packed, int k, int n, PackedRead read, const void *context) {
    *packed = (PackedMatrix){
        .k = k, .n = n, .panel = best_panel(), .transposed = true, .read = read, .context = context};
}

/* out (k, panel): columns from rows (columns, k). */
static void pack_rows(float *out, const float *rows, int columns, int k, int panel) {
    const size_t step = (size_t)panel, row_step = (size_t)k;
    for (int i = 0; i < k; i += 8)
        for (int j = 0; j < columns; j += 8) {
            float *to = out + (size_t)i * step + (size_t)j;
            const float *from = rows + (size_t)j * row_step + (size_t)i;
            const size_t height = (size_t)min_int(8, k - i), width = (size_t)min_int(8, columns - j);
            if (height == 8 && width == 8) {
                transpose_8(to, step, from, row_step);
                continue;
            }
            for (size_t y = 0; y < height; y++)
                for (size_t x = 0; x < width; x++)
                    to[y * step + x] = from[x * row_step + y];
        }
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
        pack_rows(packed->panels + (size_t)(first + j) * k, rows + (size_t)j * k, min_int(panel, count - j),
                  packed->k, panel);
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
    *packed = (PackedMatrix){.k = k, .n = n, .panel = best_panel(), .transposed = true};
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
    if (!can_multiply(panel))
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
    Kernel kernel;
    PackedThen then;     /* run NULL: nothing */
    int chunk;           /* rows of a tile */
    int block, n_blocks; /* columns of a tile, tiles side by side */
} Product;

static const float *panel_at(const PackedMatrix *m, int column, int k0) {
    return m->panels + (size_t)column * (size_t)m->k + (size_t)k0 * (size_t)m->panel;
}

/* A strip of a panel that the matrix's last column cuts short: in buffers of full width. */
static void narrow_strip(const Product *p, Strip strip, int columns) {
    float buffer[MR * MAX_PANEL], bias[MAX_PANEL];
    size_t panel = (size_t)p->matrix->panel, ldc = (size_t)strip.ldc, bytes = (size_t)columns * sizeof(float);
    float *c = strip.c;
    memset(buffer, 0, sizeof buffer);
    memset(bias, 0, sizeof bias);
    if (strip.start)
        for (int i = 0; i < strip.mr; i++)
            memcpy(buffer + (size_t)i * panel, strip.start + (size_t)i * ldc, bytes);
    if (strip.bias)
        memcpy(bias, strip.bias, bytes);
    strip.start = strip.c = buffer;
    strip.bias = bias;
    strip.ldc = (int)panel;
    p->kernel(&strip);
    for (int i = 0; i < strip.mr; i++)
        memcpy(c + (size_t)i * ldc, buffer + (size_t)i * panel, bytes);
}

typedef struct {
    int index, row, rows, column, end;
} Tile;

/* All rows of a tile times k rows of one panel, b, from row k0 on; `next` is the panel that follows. */
static void panel_product(const Product *p, Tile t, int column, int k0, int k, const float *b,
                          const float *next) {
    const PackedMatrix *m = p->matrix;
    size_t panel = (size_t)m->panel, ld = (size_t)m->k, n = (size_t)m->n;
    const float *start = k0 == 0 ? p->start : p->out;
    int columns = min_int(m->panel, m->n - column);
    size_t fetched = 0;
    for (int i = t.row; i < t.row + t.rows; i += MR) {
        size_t at = (size_t)i * n + (size_t)column;
        Strip strip = {.mr = min_int(MR, t.row + t.rows - i),
                       .k = k,
                       .a = p->in + (size_t)i * ld + (size_t)k0,
                       .b = b,
                       .lda = m->k,
                       .ldc = m->n,
                       .start = start ? start + at : NULL,
                       .bias = p->bias && k0 == 0 ? p->bias + column : NULL,
                       .c = p->out + at,
                       .ahead = fetched < (size_t)k * panel ? next + fetched : b};
        if (columns == m->panel)
            p->kernel(&strip);
        else
            narrow_strip(p, strip, columns);
        fetched += (size_t)k * AHEAD;
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
            panel_product(p, t, j, k0, k, panel_at(m, j, k0), next);
        }
    }
}

/* The same for a deferred matrix: each panel is made, multiplied with all rows, and forgotten. */
static void deferred_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    _Alignas(64) float rows[MAX_PANEL * K_BLOCK], panel[K_BLOCK * MAX_PANEL];
    for (int j = t.column; j < t.end; j += m->panel)
        for (int k0 = 0; k0 < m->k; k0 += K_BLOCK) {
            int k = min_int(K_BLOCK, m->k - k0), columns = min_int(m->panel, m->n - j);
            if (columns < m->panel)
                memset(panel, 0, sizeof panel);
            m->read(m->context, rows, j, columns, k0, k);
            pack_rows(panel, rows, columns, k, m->panel);
            panel_product(p, t, j, k0, k, panel, panel);
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

/* Without kernels: gemm on a part of the source. */
static void plain_tile(const Product *p, Tile t) {
    const PackedMatrix *m = p->matrix;
    int ld = m->transposed ? m->k : m->n;
    const float *w = m->source + (m->transposed ? (size_t)t.column * (size_t)ld : (size_t)t.column);
    start_tile(p, t);
    gemm(false, m->transposed, t.rows, t.end - t.column, m->k, 1, p->in + (size_t)t.row * (size_t)m->k, m->k,
         w, ld, 1, p->out + (size_t)t.row * (size_t)m->n + (size_t)t.column, m->n);
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

/* Cuts rows into chunks, equally many for each thread, so that a thread multiplies rows that are in its
 * cache. Few rows are not cut for this, since every chunk reads the whole matrix; nor those of a deferred
 * matrix, which every chunk packs; nor those that gemm multiplies, whose bits would change. Cuts columns so
 * that all threads have some tiles to share. Returns the number of tiles. */
static int cut_tiles(Product *p, int n_threads) {
    const PackedMatrix *m = p->matrix;
    const int most = m->read ? DEFERRED_ROWS : CHUNK_ROWS;
    int n_chunks = (p->rows + most - 1) / most;
    if (m->panel > 0 && !m->read && p->rows >= n_threads * MIN_CHUNK_ROWS)
        n_chunks = (n_chunks + n_threads - 1) / n_threads * n_threads;
    p->chunk = (p->rows + MR * n_chunks - 1) / (MR * n_chunks) * MR;
    n_chunks = (p->rows + p->chunk - 1) / p->chunk;

    int columns = (int)((int64_t)m->n * n_chunks / (TILES_PER_THREAD * n_threads));
    p->block = m->panel == 0 ? PLAIN_COLUMNS : columns < m->panel ? m->panel : columns / m->panel * m->panel;
    p->n_blocks = (m->n + p->block - 1) / p->block;
    return n_chunks * p->n_blocks;
}

void packed_product_then(Pool *pool, float *out, const float *in, const PackedMatrix *matrix,
                         const float *bias, const float *start, int rows, PackedThen then) {
    Product p = {.out = out,
                 .in = in,
                 .bias = bias,
                 .start = start,
                 .matrix = matrix,
                 .rows = rows,
                 .kernel = kernel_of(matrix->panel),
                 .then = then};
    if (rows > 0)
        pool_run(pool, cut_tiles(&p, pool_threads(pool)), run_tile, &p);
}

void packed_product(Pool *pool, float *out, const float *in, const PackedMatrix *matrix, const float *bias,
                    const float *start, int rows) {
    packed_product_then(pool, out, in, matrix, bias, start, rows, (PackedThen){0});
}
