/* packed_bf16.h: bfloat16 behind packed.h, which is what callers include.
 *
 * Rows are rounded to bfloat16 (to nearest even) as they come, products are added in float. The order of the
 * sum over k is fixed by k alone, so here, too, the bits of a row depend on that row alone; they differ
 * between the two kinds of kernel.
 *
 * Layout: panels of 32 columns, each in pairs of rows as both instruction sets want them, k rounded up to a
 * multiple of 32 with zeros:    [ b[0][0] b[1][0] b[0][1] b[1][1] ... b[1][31] | b[2][0] b[3][0] ... ]
 */
#ifndef CLIP_BASE_PACKED_BF16_H
#define CLIP_BASE_PACKED_BF16_H

#include "clip/base/arena.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum { BF16_NONE, BF16_AVX512, BF16_AMX } Bf16Kernel;
enum { BF16_PANEL = 32 };

/* The fastest one here; NONE where neither AVX-512 BF16 nor AMX is. */
Bf16Kernel bf16_best_kernel(void);
bool bf16_can_multiply(Bf16Kernel kernel);

/* The panels of w: (n, k) if transposed, else (k, n). Owned by the arena; check arena_failed. */
uint16_t *bf16_pack(const float *w, int k, int n, bool transposed, Arena *arena);

/* The same in pieces: room for the panels of w (n, k), and rows first .. first + count - 1 of it, first being
 * a multiple of BF16_PANEL. */
uint16_t *bf16_begin(int k, int n, Arena *arena);
void bf16_rows(uint16_t *panels, const float *rows, int first, int count, int k);

/* The panels of the transpose (n, k) of a matrix (k, n). */
uint16_t *bf16_transpose(const uint16_t *panels, int k, int n, Arena *arena);

/* out (rows, n) = start + bias + in (rows, k) matrix, in columns first .. end - 1 alone, on the calling
 * thread. first is a multiple of BF16_PANEL; start and bias as in packed_product. */
void bf16_multiply(Bf16Kernel kernel, float *out, const float *in, const uint16_t *panels, const float *bias,
                   const float *start, int rows, int k, int n, int first, int end);

#endif
