/* bf16_panels.c: see bf16_panels.h */
#include "clip/math/bf16_panels.h"

#include "clip/base/minimum.h"
#include "clip/math/strips.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

enum { PACK_AHEAD = 8 /* rows fetched before they are packed */ };

/* out (rows, kk) = in (rows, k), whose rows are lda apart; zeros after k. */
__attribute__((target(BF16_TARGET))) static void round_rows(uint16_t *out, const float *in, int rows, int k,
                                                            int lda) {
    for (int i = 0; i < rows; i++, in += lda)
        for (int p = 0; p < k; p += BF16_K_STEP, out += BF16_K_STEP) {
            uint32_t mask = k - p >= BF16_K_STEP ? ~0u : (1u << (k - p)) - 1;
            __m512 low = _mm512_maskz_loadu_ps((__mmask16)mask, in + p);
            __m512 high = _mm512_maskz_loadu_ps((__mmask16)(mask >> 16), in + p + 16);
            _mm512_storeu_si512(out, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
}

void bf16_round(uint16_t *out, const float *in, int n) {
    round_rows(out, in, 1, n, n);
}

uint16_t *bf16_begin(int k, int n, Arena *arena) {
    size_t n_panels = ((size_t)n + BF16_PANEL - 1) / BF16_PANEL;
    return arena_alloc(arena, n_panels * BF16_PANEL, (size_t)bf16_padded(k) * sizeof(uint16_t));
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
        transpose_pairs(panel + bf16_place(k, first, 0), BF16_PANEL, block, BLOCK / 2, BF16_PANEL,
                        bf16_padded(count) / 2);
    }
}

/* out: 32 pairs of two rows, low and high, of which the bits of the mask count. */
__attribute__((target(BF16_TARGET), always_inline)) static inline void
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
__attribute__((target(BF16_TARGET))) static void pack_columns(uint16_t *panel, const float *w, int ld,
                                                              int columns, int k) {
    const uint32_t mask = columns >= BF16_PANEL ? ~0u : (1u << columns) - 1;
    for (int i = 0; i < bf16_padded(k); i += 2, panel += 2 * BF16_PANEL) {
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

/* The same from lines that lie anywhere. */
__attribute__((target(BF16_TARGET))) static void pack_lines(uint16_t *panel, const float *const *lines,
                                                            size_t first, int columns, int k) {
    static const float nothing[BF16_PANEL];
    const uint32_t mask = columns >= BF16_PANEL ? ~0u : (1u << columns) - 1;
    for (int i = 0; i < k; i += 2, panel += 2 * BF16_PANEL) {
        const float *low = lines[i], *high = i + 1 < k ? lines[i + 1] : NULL;
        pair_rows(panel, low ? low + first : nothing, mask, high ? high + first : nothing, mask);
    }
    memset(panel, 0, (size_t)(bf16_padded(k) - (k + 1) / 2 * 2) * BF16_PANEL * sizeof *panel);
}

void bf16_right_lines(uint16_t *panel, const float *const *lines, int first, int columns, int k) {
    pack_lines(panel, lines, (size_t)first, columns, k);
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
    const size_t kk = (size_t)bf16_padded(k);
    for (int first = 0; first < k; first += BLOCK)
        for (int i = 0; i < rows; i += BF16_PANEL) {
            const int count = min_int(BLOCK, k - first), width = min_int(BF16_PANEL, rows - i);
            pack_columns(block, a + (size_t)first * (size_t)lda + (size_t)i, lda, width, count);
            transpose_pairs(out + (size_t)i * kk + (size_t)first, kk / 2, block, BF16_PANEL,
                            bf16_padded(count) / 2, width);
        }
}

void bf16_left_lines(uint16_t *out, const float *const *lines, int first, int rows, int k) {
    enum { BLOCK = 64 };
    _Alignas(64) uint16_t block[BLOCK * BF16_PANEL];
    const size_t kk = (size_t)bf16_padded(k);
    for (int at = 0; at < k; at += BLOCK)
        for (int i = 0; i < rows; i += BF16_PANEL) {
            const int count = min_int(BLOCK, k - at), width = min_int(BF16_PANEL, rows - i);
            pack_lines(block, lines + at, (size_t)(first + i), width, count);
            transpose_pairs(out + (size_t)i * kk + (size_t)at, kk / 2, block, BF16_PANEL,
                            bf16_padded(count) / 2, width);
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
            panels[bf16_place(k, row + first + i, column)] = block[i];
    }
}

void bf16_rows(uint16_t *panels, const float *rows, int first, int count, int k) {
    for (int j = 0; j < count; j += BF16_PANEL)
        pack_rows(panels + bf16_place(k, 0, first + j), rows + (size_t)j * (size_t)k, k,
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
        pack_columns(panels + bf16_place(k, 0, first), w + first, n, min_int(BF16_PANEL, n - first), k);
    return panels;
}

uint16_t *bf16_transpose(const uint16_t *panels, int k, int n, Arena *arena) {
    uint16_t *out = bf16_begin(n, k, arena);
    if (!out)
        return NULL;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < k; i++)
            out[bf16_place(n, j, i)] = panels[bf16_place(k, i, j)];
    return out;
}

#else

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

void bf16_left(uint16_t *out, const float *a, int lda, bool transposed, int rows, int k) {
    (void)out, (void)a, (void)lda, (void)transposed, (void)rows, (void)k;
}

void bf16_right(uint16_t *panel, const float *b, int ldb, bool transposed, int k, int columns) {
    (void)panel, (void)b, (void)ldb, (void)transposed, (void)k, (void)columns;
}

void bf16_left_lines(uint16_t *out, const float *const *lines, int first, int rows, int k) {
    (void)out, (void)lines, (void)first, (void)rows, (void)k;
}

void bf16_right_lines(uint16_t *panel, const float *const *lines, int first, int columns, int k) {
    (void)panel, (void)lines, (void)first, (void)columns, (void)k;
}

#endif
