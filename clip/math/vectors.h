/* vectors.h: the vectors of a kernel that is written once for several widths. Such a kernel (packed_kernel.h,
 * packed_conv_kernel.h) includes this anew for each width, with BITS defined.
 *
 * TARGET is the instruction set, VECTOR the type and SIMD(op) its intrinsics, FLOATS the number of floats in
 * a vector, VECTORS the number of vectors in a row of sums; PASTE joins two names. MULTIPLY_ADD is rounded
 * once, but with NO_FUSED: valgrind works each number of a fused one out by itself, a hundred times slower.
 */
#undef TARGET
#undef VECTOR
#undef SIMD
#undef FLOATS
#undef VECTORS
#undef MULTIPLY_ADD

#define PASTE_NAMES(a, b) a##b
#define PASTE(a, b) PASTE_NAMES(a, b)

#ifdef NO_FUSED
#define MULTIPLY_ADD(a, b, c) SIMD(add_ps)(SIMD(mul_ps)(a, b), c)
#else
#define MULTIPLY_ADD(a, b, c) SIMD(fmadd_ps)(a, b, c)
#endif

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
