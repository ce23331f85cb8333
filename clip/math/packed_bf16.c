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

#include <assert.h>
#include <stddef.h>
#include <string.h>

#define K_BLOCK 2048
#define K_STEP BF16_K_STEP
#define BUFFER 131072 /* numbers of `in` that are rounded at a time */

Bf16Kernel bf16_best_kernel(void) {
    return bf16_can_multiply(BF16_AMX) ? BF16_AMX : bf16_can_multiply(BF16_AVX512) ? BF16_AVX512 : BF16_NONE;
}

#if defined(__x86_64__) && defined(__GNUC__)
#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TARGET_AMX "amx-tile,amx-bf16"

/* Numbers of the next panel fetched in a step: of two rows of this one, and of a tile's, which takes 64
 * cycles. */
enum { LINE = 32, AVX512_AHEAD = LINE, AMX_AHEAD = 8 * LINE };
enum { AVX512_ROWS = 12 /* at most */ };

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

/* --- kernels --- */

/* out = max(start + bias + sums, floor), of a row's 32 columns or the first of them; start and bias may be
 * NULL. A NaN stays. */
__attribute__((target(BF16_TARGET), always_inline)) static inline void
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
__attribute__((target(BF16_TARGET), always_inline)) static inline void
avx512_rows(const Bf16Block *b, int first, const int rows, const uint16_t *ahead, float floor) {
    const size_t k = (size_t)bf16_padded(b->k), ldc = (size_t)b->ldc, at = (size_t)first * ldc;
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
        _mm_prefetch((const char *)(ahead + p / 2 * AVX512_AHEAD), _MM_HINT_T1);
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
        avx512_rows(b, first, rows, ahead, floor);                                                           \
        break;

/* Rows are cut as evenly as can be: a sum of few rows waits for the one before it. */
__attribute__((target(BF16_TARGET))) static void avx512_panel(const Bf16Block *b, float floor) {
    const int step = ceil_div(b->rows, ceil_div(b->rows, AVX512_ROWS));
    const size_t size = (size_t)bf16_padded(b->k) * BF16_PANEL, piece = size / BF16_PANEL / 2 * AVX512_AHEAD;
    size_t fetched = 0;
    for (int first = 0; first < b->rows; first += step, fetched += piece) {
        const uint16_t *ahead = b->ahead && fetched < size ? b->ahead + fetched : b->panel;
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
amx_rows(float *sums, bool all, int k, const uint16_t *a, const uint16_t *panel, const uint16_t *ahead) {
    const size_t row = (size_t)k * sizeof *a, panel_row = 4 * BF16_PANEL, sums_row = 4 * BF16_PANEL;
    const uint16_t *upper = a, *lower = a + 16 * (size_t)k;
    MEMORY_CHANGES();
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    for (int p = 0; p < k; p += K_STEP, panel += K_STEP * BF16_PANEL, ahead += AMX_AHEAD) {
#pragma GCC unroll 8
        for (int line = 0; line < AMX_AHEAD; line += LINE)
            _mm_prefetch((const char *)(ahead + line), _MM_HINT_T1);
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
                                                           const uint16_t *panel, const uint16_t *ahead) {
    if (rows > 16)
        amx_rows(sums, true, k, a, panel, ahead);
    else
        amx_rows(sums, false, k, a, panel, ahead);
}

__attribute__((target(BF16_TARGET))) static void amx_panel(const Bf16Block *b, float floor) {
    float sums[BF16_ROWS * BF16_PANEL] __attribute__((aligned(64)));
    const int kk = bf16_padded(b->k);
    const size_t size = (size_t)kk * BF16_PANEL, piece = size / BF16_PANEL / K_STEP * AMX_AHEAD;
    size_t fetched = 0;
    for (int first = 0; first < b->rows; first += BF16_ROWS, fetched += piece) {
        const int rows = min_int(BF16_ROWS, b->rows - first);
        amx_kernel(sums, rows, kk, b->a + (size_t)first * (size_t)kk, b->panel,
                   b->ahead && fetched < size ? b->ahead + fetched : b->panel);
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
        bf16_left(a, p->in + (size_t)row * (size_t)p->k + (size_t)k0, p->k, false, rows, count);
        return;
    }
    for (int i = 0; i < rows; i++)
        p->row(a + (size_t)i * (size_t)bf16_padded(count), p->context, row + i, k0, count);
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
        const Bf16Block block = {
            .out = p->out + at,
            .start = start ? start + at : NULL,
            .bias = p->bias && k0 == 0 ? p->bias + j : NULL,
            .a = a,
            .panel = p->panels + bf16_place(p->k, k0, j),
            .ahead = j + BF16_PANEL < end ? p->panels + bf16_place(p->k, k0, j + BF16_PANEL) : NULL,
            .ldc = p->n,
            .rows = rows,
            .k = count,
            .columns = end - j};
        (amx ? amx_panel : avx512_panel)(&block, floor);
    }
}

/* How many rows are rounded at a time: as many as the buffer holds, or all cut evenly, in whole steps of the
 * kernel. */
static int rows_at_a_time(int rows, int kk, int step) {
    const int most = BUFFER / kk / BF16_ROWS * BF16_ROWS, even = ceil_div(rows, ceil_div(rows, most));
    return min_int(most, ceil_div(even, step) * step);
}

void bf16_multiply(Bf16Kernel kernel, const Bf16Product *p, int rows, int first, int end) {
    uint16_t a[BUFFER + K_STEP] __attribute__((aligned(64)));
    const bool amx = kernel == BF16_AMX;
    if (amx)
        amx_begin();
    for (int k0 = 0; k0 < p->k; k0 += K_BLOCK) {
        const int count = min_int(K_BLOCK, p->k - k0);
        const int most = rows_at_a_time(rows, bf16_padded(count), amx ? BF16_ROWS : AVX512_ROWS);
        for (int row = 0; row < rows; row += most) {
            const int n_rows = min_int(most, rows - row);
            fetch_rows(a, p, row, n_rows, k0, count);
            multiply_block(p, amx, a, row, n_rows, k0, count, first, end);
        }
    }
    if (amx)
        amx_end();
}

#else

bool bf16_can_multiply(Bf16Kernel kernel) {
    (void)kernel;
    return false;
}

void bf16_multiply(Bf16Kernel kernel, const Bf16Product *product, int rows, int first, int end) {
    (void)kernel, (void)product, (void)rows, (void)first, (void)end;
    assert(!"a matrix that nobody could pack");
}

void bf16_block(Bf16Kernel kernel, const Bf16Block *block) {
    (void)kernel, (void)block;
    assert(!"a kernel that nobody could choose");
}

#endif
