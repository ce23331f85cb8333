/* vectors.h: the vectors of a kernel whose text serves several widths; included by such a text
 * (packed_kernel.h, packed_conv_kernel.h) with BITS defined, each time it is. TARGET is the instruction set,
 * VECTOR and SIMD(op) the type and its intrinsics, FLOATS the floats of a vector, VECTORS those that a row of
 * sums has; PASTE joins two names. Those of the width before are forgotten.
 */
#undef TARGET
#undef VECTOR
#undef SIMD
#undef FLOATS
#undef VECTORS

#define PASTE_NAMES(a, b) a##b
#define PASTE(a, b) PASTE_NAMES(a, b)

#if BITS == 512
#define TARGET "avx512f"
#define VECTOR __m512
#define SIMD(op) _mm512_##op
#define FLOATS 16
#define VECTORS 4
#else
#define TARGET "avx2,fma"
#define VECTOR __m256
#define SIMD(op) _mm256_##op
#define FLOATS 8
#define VECTORS 2
#endif
