/* strips.c: see strips.h */
#include "clip/math/strips.h"

#include "clip/base/minimum.h"

#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAVE_KERNELS 1
#include <immintrin.h>
#else
#define HAVE_KERNELS 0
#endif

#define NEAR 4 /* how many steps of k ahead a panel is fetched into the first-level cache */

#if HAVE_KERNELS

#define KERNEL kernel_512
#define BITS 512
#include "clip/math/packed_kernel.h"

#define KERNEL kernel_256
#define BITS 256
#include "clip/math/packed_kernel.h"

/* out (8, 8) = in (8, 8) transposed; rows are out_step and in_step apart. Every processor with a kernel can.
 */
__attribute__((target("avx2"))) static void transpose_8(float *out, size_t out_step, const float *in,
                                                        size_t in_step) {
    __m256 a[8], b[8];
    for (size_t i = 0; i < 8; i++)
        a[i] = _mm256_loadu_ps(in + i * in_step);
    for (size_t i = 0; i < 8; i += 2) { /* pairs of rows, element by element */
        b[i] = _mm256_unpacklo_ps(a[i], a[i + 1]);
        b[i + 1] = _mm256_unpackhi_ps(a[i], a[i + 1]);
    }
    for (size_t i = 0; i < 8; i += 4) { /* fours: columns 0 and 4, 1 and 5, 2 and 6, 3 and 7 of four rows */
        a[i] = _mm256_shuffle_ps(b[i], b[i + 2], 0x44);
        a[i + 1] = _mm256_shuffle_ps(b[i], b[i + 2], 0xee);
        a[i + 2] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0x44);
        a[i + 3] = _mm256_shuffle_ps(b[i + 1], b[i + 3], 0xee);
    }
    for (size_t i = 0; i < 4; i++) {
        _mm256_storeu_ps(out + i * out_step, _mm256_permute2f128_ps(a[i], a[i + 4], 0x20));
        _mm256_storeu_ps(out + (i + 4) * out_step, _mm256_permute2f128_ps(a[i], a[i + 4], 0x31));
    }
}

#else

static void transpose_8(float *out, size_t out_step, const float *in, size_t in_step) {
    (void)out, (void)out_step, (void)in, (void)in_step; /* nothing is packed without a kernel */
}

#endif

bool strip_can_multiply(int panel) {
#if HAVE_KERNELS
    if (panel == 64)
        return __builtin_cpu_supports("avx512f");
    if (panel == 16)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
    return panel == 0;
}

StripKernel strip_kernel(int panel) {
#if HAVE_KERNELS
    return panel == 64 ? kernel_512 : kernel_256;
#else
    (void)panel;
    return NULL;
#endif
}

int strip_best_panel(void) {
    return strip_can_multiply(64) ? 64 : strip_can_multiply(16) ? 16 : 0;
}

/* Where the columns end inside a panel, the strip is in buffers of full width. */
static void narrow_strip(StripKernel kernel, Strip strip, size_t panel) {
    float buffer[STRIP_ROWS * STRIP_PANEL] = {0}, bias[STRIP_PANEL] = {0};
    const size_t ldc = (size_t)strip.ldc, bytes = (size_t)strip.columns * sizeof(float);
    float *c = strip.c;
    if (strip.start)
        for (int i = 0; i < strip.mr; i++)
            memcpy(buffer + (size_t)i * panel, strip.start + (size_t)i * ldc, bytes);
    if (strip.bias)
        memcpy(bias, strip.bias, bytes);
    strip.start = strip.c = buffer;
    strip.bias = bias;
    strip.ldc = (int)panel;
    kernel(&strip);
    for (int i = 0; i < strip.mr; i++)
        memcpy(c + (size_t)i * ldc, buffer + (size_t)i * panel, bytes);
}

void strip_run(StripKernel kernel, const Strip *strip, int panel) {
    if (strip->columns == panel)
        kernel(strip);
    else
        narrow_strip(kernel, *strip, (size_t)panel);
}

/* Up to 16 rows and columns: whole lines of the cache, in squares of 8. */
static void transpose_16(float *out, size_t out_step, const float *in, size_t in_step, int rows,
                         int columns) {
    for (int i = 0; i < columns; i += 8)
        for (int j = 0; j < rows; j += 8) {
            float *to = out + (size_t)i * out_step + (size_t)j;
            const float *from = in + (size_t)j * in_step + (size_t)i;
            const size_t height = (size_t)min_int(8, columns - i), width = (size_t)min_int(8, rows - j);
            if (height == 8 && width == 8) {
                transpose_8(to, out_step, from, in_step);
                continue;
            }
            for (size_t y = 0; y < height; y++)
                for (size_t x = 0; x < width; x++)
                    to[y * out_step + x] = from[x * in_step + y];
        }
}

void strip_transpose(float *out, size_t out_step, const float *in, size_t in_step, int rows, int columns) {
    for (int j = 0; j < rows; j += 16)
        for (int i = 0; i < columns; i += 16)
            transpose_16(out + (size_t)i * out_step + (size_t)j, out_step,
                         in + (size_t)j * in_step + (size_t)i, in_step, min_int(16, rows - j),
                         min_int(16, columns - i));
}
