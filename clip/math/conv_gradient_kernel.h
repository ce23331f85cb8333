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
                sum[i][j] = SIMD(fmadd_ps)(x, row[j], sum[i][j]);
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

#define CASE(rows, vectors)                                                                                  \
    case (vectors)*8 + (rows):                                                                               \
        SUMS(rows, vectors, block);                                                                          \
        break;
#define CASES(vectors)                                                                                       \
    CASE(1, vectors) CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors) CASE(6, vectors)

__attribute__((target(TARGET))) static void KERNEL(int rows, int vectors, const Block *block) {
    switch (vectors * 8 + rows) {
        CASES(1)
        CASES(2)
#if VECTORS == 4
        CASES(3)
        CASES(4)
#endif
    }
}

#undef CASES
#undef CASE
#undef SUMS
#undef KERNEL
#undef BITS
