/* packed_conv_kernel.h: the inner loop of packed_conv.c. Included there once for each width of vectors, with
 * KERNEL its name and BITS the width (vectors.h).
 */
#include "clip/math/vectors.h"

#define SUMS PASTE(KERNEL, _sums)

/* One body for every shape: rows and vectors are constants wherever this is inlined, so that the sums stay in
 * registers. For each channel it reads one row of the panel and one number of each pixel. */
__attribute__((target(TARGET), always_inline)) static inline void SUMS(const int rows, const int vectors,
                                                                       const Block *block) {
    VECTOR sum[ROWS][VECTORS];
    const float *w = block->w;
    float *out = block->out;
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) {
            sum[i][j] = block->bias ? SIMD(loadu_ps)(block->bias + j * FLOATS) : SIMD(setzero_ps)();
            if (block->accumulate)
                sum[i][j] =
                    SIMD(add_ps)(sum[i][j], SIMD(loadu_ps)(out + (size_t)i * block->out_stride + j * FLOATS));
        }
    for (int t = 0; t < block->n_taps; t++) {
        const float *const *pixels = block->taps[t];
        for (int c = 0; c < block->channels; c++, w += PANEL) {
            VECTOR row[VECTORS];
#pragma GCC unroll 4
            for (int j = 0; j < vectors; j++) {
                row[j] = SIMD(loadu_ps)(w + j * FLOATS);
                __builtin_prefetch(w + AHEAD * PANEL + j * FLOATS);
            }
#pragma GCC unroll 6
            for (int i = 0; i < rows; i++) {
                const VECTOR x = SIMD(set1_ps)(pixels[i][c]);
#pragma GCC unroll 4
                for (int j = 0; j < vectors; j++)
                    sum[i][j] = MULTIPLY_ADD(x, row[j], sum[i][j]);
            }
        }
    }
    const VECTOR floor = SIMD(set1_ps)(block->floor);
#pragma GCC unroll 6
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < vectors; j++) { /* max in this order keeps a NaN */
            VECTOR y = SIMD(max_ps)(floor, sum[i][j]);
            SIMD(storeu_ps)(out + (size_t)i * block->out_stride + j * FLOATS, y);
        }
}

#include "clip/math/kernel_cases.h"
