/* conv_gradient_kernel.h: the inner loop of conv_gradient.c. Included there once for each width of vectors,
 * with KERNEL its name and BITS the width (vectors.h).
 */
#include "clip/math/vectors.h"

#define SUMS PASTE(KERNEL, _sums)

/* For each pixel it reads one row of `in` and one number of each channel of d_out. */
__attribute__((target(TARGET), always_inline)) static inline void SUMS(const int rows, const int vectors,
                                                                       const Block *block) {
    VECTOR sum[ROWS][VECTORS];
    const float *d_out = block->d_out;
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            sum[i][j] = SIMD(setzero_ps)();
    for (int k = 0; k < block->n; k++, d_out += ROWS) {
        const float *in = block->in + (size_t)block->places[k] * PANEL;
        VECTOR row[VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++)
            row[j] = SIMD(loadu_ps)(in + j * FLOATS);
#pragma GCC unroll 6
        for (int i = 0; i < rows; i++) {
            const VECTOR x = SIMD(set1_ps)(d_out[i]);
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++)
                sum[i][j] = MULTIPLY_ADD(x, row[j], sum[i][j]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) {
            float *to = block->sums + (size_t)i * block->stride + j * FLOATS;
            SIMD(storeu_ps)(to, SIMD(add_ps)(SIMD(loadu_ps)(to), sum[i][j]));
        }
}

#include "clip/math/kernel_cases.h"
