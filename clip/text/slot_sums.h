/* slot_sums.h: the loops of attention over slots (tree_attention.c), each of which holds what one head has of
 * a node: (PARTS, D). Inlined, so that D may be a constant, and for every instruction set that the caller is
 * compiled for; plain loops, which GCC vectorises for each.
 */
#ifndef CLIP_TEXT_SLOT_SUMS_H
#define CLIP_TEXT_SLOT_SUMS_H

#include <stddef.h>
#include <string.h>

#define INLINE inline __attribute__((always_inline))
#define LANES 16
#define BLOCK (4 * LANES) /* columns of a CLIP head; what is left of a wider one goes one by one */
#define GROUP 4           /* slots, or queries, that go together */
#define PARTS 4           /* of a slot: key, value, their gradients */

/* Four floats at any address: what every processor has. */
typedef float Quad __attribute__((vector_size(16), aligned(4), may_alias));

/* The sums of the lanes of four rows: of those 2 apart first. */
static INLINE void sum_lanes(float *sums, const Quad *row) {
    const Quad a = __builtin_shufflevector(row[0], row[1], 0, 1, 4, 5) +
                   __builtin_shufflevector(row[0], row[1], 2, 3, 6, 7);
    const Quad b = __builtin_shufflevector(row[2], row[3], 0, 1, 4, 5) +
                   __builtin_shufflevector(row[2], row[3], 2, 3, 6, 7);
    *(Quad *)sums = __builtin_shufflevector(a, b, 0, 2, 4, 6) + __builtin_shufflevector(a, b, 1, 3, 5, 7);
}

/* dots (n, and up to a whole group more) = a (D) times the same part of each slot: lanes, then halves of
 * them. */
static INLINE void dot_slots(float *dots, const float *a, const float *part, int n, int D) {
    const size_t step = PARTS * (size_t)D;
    for (int j = 0; j < n; j += GROUP) {
        Quad rows[GROUP];
        int d = 0;
        for (int r = 0; r < GROUP; r++) {
            const float *b = part + (size_t)(j + r) * step;
            float sum[LANES] = {0};
            for (d = 0; d + BLOCK <= D; d += BLOCK) {
                const float *x = a + d, *y = b + d;
                for (int i = 0; i < LANES; i++)
                    sum[i] += (x[i] * y[i] + x[LANES + i] * y[LANES + i]) +
                              (x[2 * LANES + i] * y[2 * LANES + i] + x[3 * LANES + i] * y[3 * LANES + i]);
            }
            const Quad *quarter = (const Quad *)sum;
            rows[r] = (quarter[0] + quarter[2]) + (quarter[1] + quarter[3]);
        }
        sum_lanes(dots + j, rows);
        for (int r = 0; r < GROUP && d < D; r++)
            for (int e = d; e < D; e++)
                dots[j + r] += a[e] * part[(size_t)(j + r) * step + (size_t)e];
    }
}

static INLINE void add_scaled(float *restrict y, float alpha, const float *restrict x, int D) {
    for (int d = 0; d < D; d++)
        y[d] += alpha * x[d];
}

/* The same for a group of x, one after the other: y is read and written once. */
static INLINE void add_group(float *restrict y, const float *alpha, const float *const *x, int D) {
    const float a0 = alpha[0], a1 = alpha[1], a2 = alpha[2], a3 = alpha[3];
    const float *restrict x0 = x[0], *restrict x1 = x[1], *restrict x2 = x[2], *restrict x3 = x[3];
    for (int d = 0; d < D; d++)
        y[d] = (((y[d] + a0 * x0[d]) + a1 * x1[d]) + a2 * x2[d]) + a3 * x3[d];
}

/* out (D) = sum of weights (n) times the same part of each slot. */
static INLINE void weigh_slots(float *restrict out, const float *weights, const float *part, int n, int D) {
    const size_t step = PARTS * (size_t)D;
    int j = 0;
    memset(out, 0, (size_t)D * sizeof *out);
    for (; j + GROUP <= n; j += GROUP, part += GROUP * step)
        add_group(out, weights + j, (const float *[]){part, part + step, part + 2 * step, part + 3 * step},
                  D);
    for (; j < n; j++, part += step)
        add_scaled(out, weights[j], part, D);
}

#endif
