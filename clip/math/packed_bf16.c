/* packed_bf16.c: the two kernels of packed_bf16.h, chosen at run time, under one loop.
 *
 * Per block of K_BLOCK rows of the matrix, some rows of `in` are rounded into a buffer that stays in the
 * second-level cache; then each panel meets all of them, some rows at a time, whose sums are added to what
 * `out` has or starts with.
 *
 * AMX holds 32 x 32 sums in four tiles (16 rows of 64 bytes each), and per step multiplies two tiles of 16
 * rows x 32 numbers of `in` with two of 16 pairs of rows x 16 columns of the matrix; it leaves its sums in
 * the first-level cache. AVX-512 BF16 holds up to 12 x 32 sums as the float kernel does (packed.c) and takes
 * a pair of rows per step. (Intel 64 and IA-32 Architectures Software Developer's Manual, TDPBF16PS,
 * VDPBF16PS, and volume 1, 18.3, on tile data.)
 */
#include "clip/math/packed_bf16.h"

#include "clip/base/minimum.h"
#include "clip/math/strips.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define K_BLOCK 2048
#define K_STEP 32    /* numbers of k in a row of a tile */
#define BUFFER 65536 /* numbers of `in` that are rounded at a time: 128 KiB */
#define MAX_ROWS 32  /* of a kernel */

Bf16Kernel bf16_best_kernel(void) {
    return bf16_can_multiply(BF16_AMX) ? BF16_AMX : bf16_can_multiply(BF16_AVX512) ? BF16_AVX512 : BF16_NONE;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET_AVX512 "avx512f,avx512bw,avx512vl,avx512bf16"
#define TARGET_AMX "amx-tile,amx-bf16"

enum { AVX512_ROWS = 12 /* at most */, PACK_AHEAD = 8 /* rows fetched before they are packed */ };

static int padded(int k) {
    return (k + K_STEP - 1) / K_STEP * K_STEP;
}

/* Linux lets a process use tiles if it asks. (Documentation/x86/xstate.rst) */
static bool may_use_tiles(void) {
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
}

static bool has_kernel(Bf16Kernel kernel) {
    unsigned a, b, c, d;
    const unsigned amx = 1u << 22 | 1u << 24; /* AMX-BF16, AMX-TILE */
    if (!__builtin_cpu_supports("avx512bw") || !__builtin_cpu_supports("avx512vl") ||
        !__get_cpuid_count(7, 1, &a, &b, &c, &d) || !(a & 1u << 5)) /* AVX512_BF16 */
        return false;
    return kernel == BF16_AVX512 ||
           (__get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & amx) == amx && may_use_tiles());
}

/* Asked once: a virtual machine leaves the processor for each CPUID, which takes as long as a small product.
 */
static pthread_once_t asked = PTHREAD_ONCE_INIT;
static bool has_avx512, has_amx;

static void ask(void) {
    has_avx512 = has_kernel(BF16_AVX512);
    has_amx = has_kernel(BF16_AMX);
}

bool bf16_can_multiply(Bf16Kernel kernel) {
    pthread_once(&asked, ask);
    return kernel == BF16_AMX ? has_amx : kernel == BF16_AVX512 && has_avx512;
}

/* out (rows, kk) = in (rows, k), whose rows are lda apart; zeros after k. */
__attribute__((target(TARGET_AVX512))) static void round_rows(uint16_t *out, const float *in, int rows, int k,
                                                              int lda) {
    for (int i = 0; i < rows; i++, in += lda)
        for (int p = 0; p < k; p += K_STEP, out += K_STEP) {
            uint32_t mask = k - p >= K_STEP ? ~0u : (1u << (k - p)) - 1;
            __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, in + p);
            __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), in + p + 16);
            _mm512_storeu_si512(out, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
}

void bf16_round(uint16_t *out, const float *in, int n) {
    round_rows(out, in, 1, n, n);
}

/* --- packing --- */

static size_t place(int k, int row, int column) {
    size_t pair = (size_t)(column / BF16_PANEL) * (size_t)padded(k) / 2 + (size_t)row / 2;
    return (pair * BF16_PANEL + (size_t)(column % BF16_PANEL)) * 2 + (size_t)row % 2;
}

uint16_t *bf16_begin(int k, int n, Arena *arena) {
    size_t n_panels = ((size_t)n + BF16_PANEL - 1) / BF16_PANEL;
    return arena_alloc(arena, n_panels * BF16_PANEL, (size_t)padded(k) * sizeof(uint16_t));
}

/* strip_transpose of pairs of halves, which move as floats would; steps are in pairs. */
static void transpose_pairs(void *out, size_t out_step, const void *in, size_t in_step, int rows,
                            int columns) {
    strip_transpose(out, out_step, in, in_step, rows, columns);
}

/* The columns of one panel from rows (columns, k), ld apart, in blocks that stay in the first-level cache. */
static void pack_rows(uint16_t *panel, const float *rows, int ld, int columns, int k) {
    enum { BLOCK = 128 };
    _Alignas(64) uint16_t block[BF16_PANEL * BLOCK];
    if (columns < BF16_PANEL)
        memset(block, 0, sizeof block);
    for (int first = 0; first < k; first += BLOCK) {
        const int count = min_int(BLOCK, k - first);
        for (int j = 0; j < columns; j++)
            round_rows(block + j * BLOCK, rows + (size_t)j * (size_t)ld + (size_t)first, 1, count, ld);
        transpose_pairs(panel + place(k, first, 0), BF16_PANEL, block, BLOCK / 2, BF16_PANEL,
                        padded(count) / 2);
    }
}

/* out: 32 pairs of two rows, low and high, of which the bits of the mask count. */
__attribute__((target(TARGET_AVX512), always_inline)) static inline void
pair_rows(uint16_t *out, const float *low, uint32_t low_mask, const float *high, uint32_t high_mask) {
    const __m512i places = _mm512_add_epi32(
        _mm512_set1_epi32(16 << 16), /* 0, 16, 1, 17, ... */
        _mm512_mullo_epi32(_mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0),
                           _mm512_set1_epi32(0x10001)));
    for (int half = 0; half < 2; half++) {
        const __m512 x = _mm512_maskz_loadu_ps((__mmask16)(low_mask >> 16 * half), low + 16 * half);
        const __m512 y = _mm512_maskz_loadu_ps((__mmask16)(high_mask >> 16 * half), high + 16 * half);
        _mm512_storeu_si512(out + 32 * half,
                            _mm512_permutexvar_epi16(places, (__m512i)_mm512_cvtne2ps_pbh(y, x)));
    }
}

/* The same from columns of w (k, n), whose rows are ld apart. */
__attribute__((target(TARGET_AVX512))) static void pack_columns(uint16_t *panel, const float *w, int ld,
                                                                int columns, int k) {
    const uint32_t mask = columns >= BF16_PANEL ? ~0u : (1u << columns) - 1;
    for (int i = 0; i < padded(k); i += 2, panel += 2 * BF16_PANEL) {
        const float *row = w + (size_t)i * (size_t)ld;
        const float *later = row + PACK_AHEAD * (size_t)ld;
        for (int j = 0; j < columns; j += 16) {
            __builtin_prefetch(later + j);
            __builtin_prefetch(later + ld + j);
        }
        if (i < k)
            pair_rows(panel, row, mask, i + 1 < k ? row + ld : row, i + 1 < k ? mask : 0);
        else
            memset(panel, 0, 2 * BF16_PANEL * sizeof *panel);
    }
}

void bf16_right(uint16_t *panel, const float *b, int ldb, bool transposed, int k, int columns) {
    if (transposed)
        pack_rows(panel, b, ldb, columns, k);
    else
        pack_columns(panel, b, ldb, columns, k);
}

/* A panel of some columns of a, turned: its pairs are those of the rows that are wanted. */
static void pack_left_columns(uint16_t *out, const float *a, int lda, int rows, int k) {
    enum { BLOCK = 64 };
    _Alignas(64) uint16_t block[BLOCK * BF16_PANEL];
    const size_t kk = (size_t)padded(k);
    for (int first = 0; first < k; first += BLOCK)
        for (int i = 0; i < rows; i += BF16_PANEL) {
            const int count = min_int(BLOCK, k - first), width = min_int(BF16_PANEL, rows - i);
            pack_columns(block, a + (size_t)first * (size_t)lda + (size_t)i, lda, width, count);
            transpose_pairs(out + (size_t)i * kk + (size_t)first, kk / 2, block, BF16_PANEL,
                            padded(count) / 2, width);
        }
}

void bf16_left(uint16_t *out, const float *a, int lda, bool transposed, int rows, int k) {
    if (transposed)
        pack_left_columns(out, a, lda, rows, k);
    else
        round_rows(out, a, rows, k, lda);
}

void bf16_column(uint16_t *panels, int k, int column, int row, const float *values, int count) {
    enum { BLOCK = 128 };
    uint16_t block[BLOCK];
    for (int first = 0; first < count; first += BLOCK) {
        const int n = min_int(BLOCK, count - first);
        bf16_round(block, values + first, n);
        for (int i = 0; i < n; i++)
            panels[place(k, row + first + i, column)] = block[i];
    }
}

void bf16_rows(uint16_t *panels, const float *rows, int first, int count, int k) {
    for (int j = 0; j < count; j += BF16_PANEL)
        pack_rows(panels + place(k, 0, first + j), rows + (size_t)j * (size_t)k, k,
                  min_int(BF16_PANEL, count - j), k);
}

uint16_t *bf16_pack(const float *w, int k, int n, bool transposed, Arena *arena) {
    uint16_t *panels = bf16_begin(k, n, arena);
    if (!panels)
        return NULL;
    if (transposed) {
        bf16_rows(panels, w, 0, n, k);
        return panels;
    }
    for (int first = 0; first < n; first += BF16_PANEL)
        pack_columns(panels + place(k, 0, first), w + first, n, min_int(BF16_PANEL, n - first), k);
    return panels;
}

uint16_t *bf16_transpose(const uint16_t *panels, int k, int n, Arena *arena) {
    uint16_t *out = bf16_begin(n, k, arena);
    if (!out)
        return NULL;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < k; i++)
            out[place(n, j, i)] = panels[place(k, i, j)];
    return out;
}

/* --- kernels --- */

/* out = max(start + bias + sums, floor), of a row's 32 columns or the first of them; start and bias may be
 * NULL. A NaN stays. */
__attribute__((target(TARGET_AVX512), always_inline)) static inline void
finish_row(float *out, __m512 low, __m512 high, const float *bias, const float *start, float floor,
           int columns) {
    const uint32_t mask = columns >= BF16_PANEL ? ~0u : (1u << columns) - 1;
    const __m512 least = _mm512_set1_ps(floor);
    for (int half = 0; half < 2; half++) {
        const __mmask16 m = (__mmask16)(mask >> 16 * half);
        __m512 x = half ? high : low;
        x = _mm512_add_ps(x, bias ? _mm512_maskz_loadu_ps(m, bias + 16 * half) : _mm512_setzero_ps());
        if (start)
            x = _mm512_add_ps(x, _mm512_maskz_loadu_ps(m, start + 16 * half));
        _mm512_mask_storeu_ps(out + 16 * half, m, _mm512_max_ps(least, x));
    }
}

/* The rows of a block from `first` on, so few that the sums stay in registers. What they are added to is
 * fetched while they are computed. */
__attribute__((target(TARGET_AVX512), always_inline)) static inline void
avx512_rows(const Bf16Block *b, int first, const int rows, float floor) {
    const size_t k = (size_t)padded(b->k), ldc = (size_t)b->ldc, at = (size_t)first * ldc;
    const uint16_t *a = b->a + (size_t)first * k, *panel = b->panel;
    const float *start = b->start ? b->start + at : NULL;
    float *out = b->out + at;
    __m512 sum[AVX512_ROWS][2];
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++) {
        sum[i][0] = sum[i][1] = _mm512_setzero_ps();
        __builtin_prefetch((start ? start : out) + (size_t)i * ldc);
        __builtin_prefetch((start ? start : out) + (size_t)i * ldc + 16);
    }
    for (size_t p = 0; p < k; p += 2, panel += 2 * BF16_PANEL) {
        __m512bh b0 = (__m512bh)_mm512_loadu_si512(panel), b1 = (__m512bh)_mm512_loadu_si512(panel + 32);
#pragma GCC unroll 12
        for (int i = 0; i < rows; i++) {
            int pair;
            memcpy(&pair, a + (size_t)i * k + p, sizeof pair);
            __m512bh x = (__m512bh)_mm512_set1_epi32(pair);
            sum[i][0] = _mm512_dpbf16_ps(sum[i][0], x, b0);
            sum[i][1] = _mm512_dpbf16_ps(sum[i][1], x, b1);
        }
    }
#pragma GCC unroll 12
    for (int i = 0; i < rows; i++)
        finish_row(out + (size_t)i * ldc, sum[i][0], sum[i][1], b->bias,
                   start ? start + (size_t)i * ldc : NULL, floor, b->columns);
}

#define CASE(rows)                                                                                           \
    case rows:                                                                                               \
        avx512_rows(b, first, rows, floor);                                                                  \
        break;

/* Rows are cut as evenly as can be: a sum of few rows waits for the one before it. */
__attribute__((target(TARGET_AVX512))) static void avx512_panel(const Bf16Block *b, float floor) {
    const int step = ceil_div(b->rows, ceil_div(b->rows, AVX512_ROWS));
    for (int first = 0; first < b->rows; first += step)
        switch (min_int(step, b->rows - first)) {
            CASE(1)
            CASE(2)
            CASE(3)
            CASE(4)
            CASE(5)
            CASE(6)
            CASE(7)
            CASE(8)
            CASE(9)
            CASE(10)
            CASE(11)
            CASE(12)
        }
}

#undef CASE

/* The compiler does not know that the tile instructions read and write memory. */
#define MEMORY_CHANGES() __asm__ volatile("" ::: "memory")

/* The shape of the eight tiles: 0-3 sums, 4-5 rows of in, 6-7 panel; all full. */
__attribute__((target(TARGET_AMX))) static void amx_begin(void) {
    const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1,
                .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    MEMORY_CHANGES();
    _tile_loadconfig(&config);
}

__attribute__((target(TARGET_AMX))) static void amx_end(void) {
    _tile_release();
}

/* 16 rows, or all 32: what follows the last row of `a` gives sums that are not read. */
__attribute__((target(TARGET_AMX), always_inline)) static inline void
amx_rows(float *sums, bool all, int k, const uint16_t *a, const uint16_t *panel) {
    const size_t row = (size_t)k * sizeof *a, panel_row = 4 * BF16_PANEL, sums_row = 4 * BF16_PANEL;
    const uint16_t *upper = a, *lower = a + 16 * (size_t)k;
    MEMORY_CHANGES();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int p = 0; p < k; p += K_STEP, panel += K_STEP * BF16_PANEL) {
        _tile_loadd(4, upper + p, row);
        _tile_loadd(6, panel, panel_row);
        _tile_loadd(7, panel + 32, panel_row);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (!all)
            continue;
        _tile_loadd(5, lower + p, row);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_stored(0, sums, sums_row);
    _tile_stored(1, sums + 16, sums_row);
    if (all) {
        _tile_stored(2, sums + 16 * BF16_PANEL, sums_row);
        _tile_stored(3, sums + 16 * BF16_PANEL + 16, sums_row);
    }
    MEMORY_CHANGES();
}

__attribute__((target(TARGET_AMX))) static void amx_kernel(float *sums, int rows, int k, const uint16_t *a,
                                                           const uint16_t *panel) {
    if (rows > 16)
        amx_rows(sums, true, k, a, panel);
    else
        amx_rows(sums, false, k, a, panel);
}

__attribute__((target(TARGET_AVX512))) static void amx_panel(const Bf16Block *b, float floor) {
    float sums[MAX_ROWS * BF16_PANEL] __attribute__((aligned(64)));
    const int kk = padded(b->k);
    for (int first = 0; first < b->rows; first += MAX_ROWS) {
        const int rows = min_int(MAX_ROWS, b->rows - first);
        amx_kernel(sums, rows, kk, b->a + (size_t)first * (size_t)kk, b->panel);
        for (int i = 0; i < rows; i++) {
            const size_t at = (size_t)(first + i) * (size_t)b->ldc;
            const float *row = sums + i * BF16_PANEL;
            finish_row(b->out + at, _mm512_load_ps(row), _mm512_load_ps(row + 16), b->bias,
                       b->start ? b->start + at : NULL, floor, b->columns);
        }
    }
}

/* Rounds rows row .. row + rows - 1 of `in`, for rows k0 .. k0 + count - 1 of the matrix. */
static void fetch_rows(uint16_t *a, const Bf16Product *p, int row, int rows, int k0, int count) {
    if (!p->row) {
        round_rows(a, p->in + (size_t)row * (size_t)p->k + (size_t)k0, rows, count, p->k);
        return;
    }
    for (int i = 0; i < rows; i++)
        p->row(a + (size_t)i * (size_t)padded(count), p->context, row + i, k0, count);
}

void bf16_block(Bf16Kernel kernel, const Bf16Block *block) {
    if (kernel == BF16_AMX)
        amx_begin();
    (kernel == BF16_AMX ? amx_panel : avx512_panel)(block, -__builtin_inff());
    if (kernel == BF16_AMX)
        amx_end();
}

/* Columns first .. end - 1 of rows row .. row + rows - 1, for rows k0 .. k0 + count - 1 of the matrix. */
static void multiply_block(const Bf16Product *p, bool amx, const uint16_t *a, int row, int rows, int k0,
                           int count, int first, int end) {
    const float *start = k0 == 0 ? p->start : p->out;
    const float floor = k0 + count == p->k ? p->floor : -__builtin_inff();
    for (int j = first; j < end; j += BF16_PANEL) {
        const size_t at = (size_t)row * (size_t)p->n + (size_t)j;
        const Bf16Block block = {.out = p->out + at,
                                 .start = start ? start + at : NULL,
                                 .bias = p->bias && k0 == 0 ? p->bias + j : NULL,
                                 .a = a,
                                 .panel = p->panels + place(p->k, k0, j),
                                 .ldc = p->n,
                                 .rows = rows,
                                 .k = count,
                                 .columns = end - j};
        (amx ? amx_panel : avx512_panel)(&block, floor);
    }
}

void bf16_multiply(Bf16Kernel kernel, const Bf16Product *p, int rows, int first, int end) {
    uint16_t a[BUFFER + K_STEP] __attribute__((aligned(64)));
    if (kernel == BF16_AMX)
        amx_begin();
    for (int k0 = 0; k0 < p->k; k0 += K_BLOCK) {
        const int count = min_int(K_BLOCK, p->k - k0), most = BUFFER / padded(count) / MAX_ROWS * MAX_ROWS;
        for (int row = 0; row < rows; row += most) {
            const int n_rows = min_int(most, rows - row);
            fetch_rows(a, p, row, n_rows, k0, count);
            multiply_block(p, kernel == BF16_AMX, a, row, n_rows, k0, count, first, end);
        }
    }
    if (kernel == BF16_AMX)
        amx_end();
}

#else

bool bf16_can_multiply(Bf16Kernel kernel) {
    (void)kernel;
    return false;
}

uint16_t *bf16_pack(const float *w, int k, int n, bool transposed, Arena *arena) {
    (void)w, (void)k, (void)n, (void)transposed, (void)arena;
    return NULL;
}

uint16_t *bf16_begin(int k, int n, Arena *arena) {
    (void)k, (void)n, (void)arena;
    return NULL;
}

void bf16_rows(uint16_t *panels, const float *rows, int first, int count, int k) {
    (void)panels, (void)rows, (void)first, (void)count, (void)k;
}

uint16_t *bf16_transpose(const uint16_t *panels, int k, int n, Arena *arena) {
    (void)panels, (void)k, (void)n, (void)arena;
    return NULL;
}

void bf16_column(uint16_t *panels, int k, int column, int row, const float *values, int count) {
    (void)panels, (void)k, (void)column, (void)row, (void)values, (void)count;
}

void bf16_round(uint16_t *out, const float *in, int n) {
    (void)out, (void)in, (void)n;
}

void bf16_multiply(Bf16Kernel kernel, const Bf16Product *product, int rows, int first, int end) {
    (void)kernel, (void)product, (void)rows, (void)first, (void)end;
    assert(!"a matrix that nobody could pack");
}

void bf16_left(uint16_t *out, const float *a, int lda, bool transposed, int rows, int k) {
    (void)out, (void)a, (void)lda, (void)transposed, (void)rows, (void)k;
}

void bf16_right(uint16_t *panel, const float *b, int ldb, bool transposed, int k, int columns) {
    (void)panel, (void)b, (void)ldb, (void)transposed, (void)k, (void)columns;
}

void bf16_block(Bf16Kernel kernel, const Bf16Block *block) {
    (void)kernel, (void)block;
    assert(!"a kernel that nobody could choose");
}

#endif
