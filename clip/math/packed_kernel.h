/* packed_kernel.h: the micro-kernel of strips.c. Included there once for each width of vectors, with KERNEL
 * its name and BITS the width (vectors.h).
 */
#include "clip/math/vectors.h"

#define STRIP PASTE(KERNEL, _strip)

/* One body for every number of rows and of vectors: both are constants wherever this is inlined, so that the
 * sums stay in registers. */
__attribute__((target(TARGET), always_inline)) static inline void STRIP(const Strip *s, const int mr,
                                                                        const int vectors) {
    const float *a = s->a, *b = s->b, *ahead = s->ahead;
    const size_t lda = (size_t)s->lda, ldc = (size_t)s->ldc;
    VECTOR sum[STRIP_ROWS][VECTORS];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; v++) {
        VECTOR bias = s->bias ? SIMD(loadu_ps)(s->bias + FLOATS * v) : SIMD(setzero_ps)();
#pragma GCC unroll 6
        for (int i = 0; i < mr; i++)
            sum[i][v] =
                s->start
                    ? SIMD(add_ps)(SIMD(loadu_ps)(s->start + (size_t)i * ldc + (size_t)(FLOATS * v)), bias)
                    : bias;
    }
#pragma GCC unroll 2
    for (size_t p = 0; p < (size_t)s->k; p++, b += VECTORS * FLOATS) {
        VECTOR row[VECTORS];
        _mm_prefetch(ahead + p * STRIP_AHEAD, _MM_HINT_T1);
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++) {
            row[v] = SIMD(loadu_ps)(b + FLOATS * v);
            _mm_prefetch(b + NEAR * VECTORS * FLOATS + FLOATS * v, _MM_HINT_T0);
        }
#pragma GCC unroll 6
        for (int i = 0; i < mr; i++) {
            const VECTOR x = SIMD(set1_ps)(a[(size_t)i * lda + p]);
#pragma GCC unroll 4
            for (int v = 0; v < vectors; v++)
                sum[i][v] = MULTIPLY_ADD(x, row[v], sum[i][v]);
        }
    }
#pragma GCC unroll 6
    for (int i = 0; i < mr; i++)
#pragma GCC unroll 4
        for (int v = 0; v < vectors; v++)
            SIMD(storeu_ps)(s->c + (size_t)i * ldc + (size_t)(FLOATS * v), sum[i][v]);
}

#define CASE(rows, vectors)                                                                                  \
    case rows:                                                                                               \
        STRIP(strip, rows, vectors);                                                                         \
        return;
#define CASES(vectors)                                                                                       \
    case vectors:                                                                                            \
        switch (strip->mr) {                                                                                 \
            CASE(1, vectors)                                                                                 \
            CASE(2, vectors) CASE(3, vectors) CASE(4, vectors) CASE(5, vectors) CASE(6, vectors)             \
        }                                                                                                    \
        return;

__attribute__((target(TARGET))) static void KERNEL(const Strip *strip) {
    switch (ceil_div(strip->columns, FLOATS)) {
        CASES(1)
        CASES(2)
#if VECTORS > 2
        CASES(3)
        CASES(4)
#endif
    }
}

#undef CASES
#undef CASE
#undef STRIP
#undef KERNEL
#undef BITS
