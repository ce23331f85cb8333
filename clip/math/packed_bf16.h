/* packed_bf16.h: the products of packed.h in bfloat16.
 *
 * Rows are rounded to bfloat16 (to nearest, ties to even) as they are read, and products are added in float.
 * The order of the sum over k follows from k alone, so here, too, the bits of a row depend on that row alone;
 * but the two kinds of kernel give different bits.
 */
#ifndef CLIP_MATH_PACKED_BF16_H
#define CLIP_MATH_PACKED_BF16_H

#include "clip/math/bf16_panels.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { BF16_NONE, BF16_AVX512, BF16_AMX } Bf16Kernel;

enum { BF16_ROWS = 32 /* that a kernel takes at most; AMX always */ };

/* The fastest one on this processor; NONE where it has neither AVX-512 BF16 nor AMX. */
Bf16Kernel bf16_best_kernel(void);
bool bf16_can_multiply(Bf16Kernel kernel);

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

/* One panel of a product whose factors both change. */
typedef struct {
    float *out;         /* (rows, columns) */
    const float *start; /* the same, or NULL for zero; may be out */
    const float *bias;  /* (columns) or NULL */
    const uint16_t *a;  /* of bf16_left, with room for a multiple of 32 rows */
    const uint16_t *panel;
    const uint16_t *ahead; /* fetched into the second-level cache meanwhile: as much as a panel; or NULL */
    int ldc;               /* from one row to the next of out and start */
    int rows, k, columns;
} Bf16Block;

/* out = start + bias + a panel, on the calling thread */
void bf16_block(Bf16Kernel kernel, const Bf16Block *block);

#endif
