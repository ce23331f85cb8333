/* packed_bf16.h: the products of packed.h in bfloat16.
 *
 * Rows are rounded to bfloat16 (to nearest, ties to even) as they are read, and products are added in float.
 * The order of the sum over k follows from k alone, so here, too, the bits of a row depend on that row alone;
 * but the two kinds of kernel give different bits.
 *
 * Layout: panels of 32 columns, each in pairs of rows, as both instruction sets want them; k is rounded up
 * to a multiple of 32 with zeros:
 *     [ b[0][0] b[1][0] b[0][1] b[1][1] ... b[1][31] | b[2][0] b[3][0] ... ]
 */
#ifndef CLIP_MATH_PACKED_BF16_H
#define CLIP_MATH_PACKED_BF16_H

#include "clip/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { BF16_NONE, BF16_AVX512, BF16_AMX } Bf16Kernel;
enum { BF16_PANEL = 32 };

/* The fastest one on this processor; NONE where it has neither AVX-512 BF16 nor AMX. */
Bf16Kernel bf16_best_kernel(void);
bool bf16_can_multiply(Bf16Kernel kernel);

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

/* Writes numbers k0 .. k0 + count - 1 of a row as bf16_round would. */
typedef void (*Bf16Row)(uint16_t *out, const void *context, int row, int k0, int count);

typedef struct {
    float *out;          /* (rows, n) */
    const float *in;     /* (rows, k), unless `row` makes them */
    Bf16Row row;         /* or NULL */
    const void *context; /* of `row` */
    const uint16_t *panels;
    const float *bias;  /* (n) or NULL */
    const float *start; /* (rows, n), or NULL for zero; may be out */
    float floor;        /* results are at least this: 0 for a ReLU, -inf for none */
    int k, n;
} Bf16Product;

/* out = max(start + bias + in matrix, floor), in columns first .. end - 1 only, on the calling thread. first
 * is a multiple of BF16_PANEL. */
void bf16_multiply(Bf16Kernel kernel, const Bf16Product *product, int rows, int first, int end);

/* The parts of a product whose factors both change. bf16_left: rows of the left factor, rounded, each
 * followed by zeros up to a multiple of 32; a is (rows, k), or (k, rows) if transposed. bf16_right: one panel
 * of the right one, of up to BF16_PANEL columns; b is (k, columns), or (columns, k) if transposed. */
void bf16_left(uint16_t *out, const float *a, int lda, bool transposed, int rows, int k);
void bf16_right(uint16_t *panel, const float *b, int ldb, bool transposed, int k, int columns);

typedef struct {
    float *out;         /* (rows, columns) */
    const float *start; /* the same, or NULL for zero; may be out */
    const float *bias;  /* (columns) or NULL */
    const uint16_t *a;  /* of bf16_left, with room for a multiple of 32 rows */
    const uint16_t *panel;
    int ldc; /* from one row to the next of out and start */
    int rows, k, columns;
} Bf16Block;

/* out = start + bias + a panel, on the calling thread */
void bf16_block(Bf16Kernel kernel, const Bf16Block *block);

#endif
