/* bf16_panels.h: matrices in bfloat16 as the kernels of packed_bf16.h want them.
 *
 * Numbers are rounded to nearest, ties to even. The right factor of a product lies in panels of 32 columns,
 * each in pairs of rows, as both instruction sets want them; k is rounded up to a multiple of 32 with zeros:
 *     [ b[0][0] b[1][0] b[0][1] b[1][1] ... b[1][31] | b[2][0] b[3][0] ... ]
 * The left one lies row by row, each followed by zeros up to a multiple of 32.
 *
 * Only where a kernel runs.
 */
#ifndef CLIP_MATH_BF16_PANELS_H
#define CLIP_MATH_BF16_PANELS_H

#include "clip/base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BF16_TARGET "avx512f,avx512bw,avx512vl,avx512bf16" /* of functions beside the kernels */

enum { BF16_PANEL = 32, BF16_K_STEP = 32 };

static inline int bf16_padded(int k) {
    return (k + BF16_K_STEP - 1) / BF16_K_STEP * BF16_K_STEP;
}

/* Where a number of a matrix with k rows is in its panels. */
static inline size_t bf16_place(int k, int row, int column) {
    const size_t pair = (size_t)(column / BF16_PANEL) * (size_t)bf16_padded(k) / 2 + (size_t)row / 2;
    return (pair * BF16_PANEL + (size_t)(column % BF16_PANEL)) * 2 + (size_t)row % 2;
}

/* The panels of w: (n, k) if transposed, else (k, n). Owned by the arena; check arena_failed. */
uint16_t *bf16_pack(const float *w, int k, int n, bool transposed, Arena *arena);

/* The same in pieces: room for the panels of w (n, k); and rows first .. first + count - 1 of it, where first
 * is a multiple of BF16_PANEL. */
uint16_t *bf16_begin(int k, int n, Arena *arena);
void bf16_rows(uint16_t *panels, const float *rows, int first, int count, int k);

/* The panels of the transpose (n, k) of a matrix (k, n). */
uint16_t *bf16_transpose(const uint16_t *panels, int k, int n, Arena *arena);

/* Numbers row .. row + count - 1 of one column of a matrix (k, n), into panels that bf16_begin made. */
void bf16_column(uint16_t *panels, int k, int column, int row, const float *values, int count);

/* out (n, rounded up to a multiple of 32) = in (n), rounded, then zeros. */
void bf16_round(uint16_t *out, const float *in, int n);

/* For a product whose factors both change. bf16_left: rows of the left one; a is (rows, k), or (k, rows) if
 * transposed. bf16_right: one panel of the right one, of up to BF16_PANEL columns; b is (k, columns), or
 * (columns, k) if transposed. */
void bf16_left(uint16_t *out, const float *a, int lda, bool transposed, int rows, int k);
void bf16_right(uint16_t *panel, const float *b, int ldb, bool transposed, int k, int columns);

/* The same of k lines that lie anywhere, of which a NULL is zeros: out (rows) = numbers first .. first + rows
 * - 1 of each line, turned; panel (columns) = numbers first .. first + columns - 1. */
void bf16_left_lines(uint16_t *out, const float *const *lines, int first, int rows, int k);
void bf16_right_lines(uint16_t *panel, const float *const *lines, int first, int columns, int k);

#endif
