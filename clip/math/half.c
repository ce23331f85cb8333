/* half.c: IEEE binary16 and bfloat16 to float, exactly, and floats to both.
 *
 * Every half is a float: a normal number moves its exponent from bias 15 to bias 127, Inf and NaN move theirs
 * from 31 to 255, and a subnormal is its mantissa times 2^-24. Processors with F16C do eight at a time, with
 * AVX-512 sixteen; the portable loop has no branch, so that the compiler can vectorise it. (IEEE
 * 754-2008, 3.4.)
 */
#include "clip/math/half.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* clang 14 cannot test a processor for F16C. */
#if defined(__x86_64__) && !defined(__clang__)
#define ASK_F16C
#include <immintrin.h>
#endif

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "tensor files are little-endian and read as they lie");

static inline uint32_t half_bits(uint32_t half) {
    const uint32_t rebias = (127u - 15u) << 23;
    uint32_t magnitude = (half & 0x7fffu) << 13;
    uint32_t exponent = half & 0x7c00u;
    float tiny = (float)(int32_t)(half & 0x3ffu) * 0x1p-24f;
    uint32_t subnormal;
    memcpy(&subnormal, &tiny, sizeof subnormal);
    uint32_t bits = magnitude + rebias;
    bits += exponent == 0x7c00u ? rebias : 0u;
    bits |= bits > 0x7f800000u ? 0x400000u : 0u; /* quiet the NaN, as F16C does */
    bits = exponent == 0 ? subnormal : bits;
    return bits | (half & 0x8000u) << 16;
}

void half_to_float_portable(float *out, const unsigned char *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        uint32_t bits = half_bits(half);
        memcpy(out + i, &bits, sizeof bits);
    }
}

#ifdef ASK_F16C
__attribute__((target("avx,f16c"))) static void half_to_float_f16c(float *out, const unsigned char *in,
                                                                   size_t n) {
    size_t i = 0;
    for (; i + 8 <= n; i += 8) {
        __m128i half = _mm_loadu_si128((const __m128i_u *)(in + 2 * i));
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(half));
    }
    half_to_float_portable(out + i, in + 2 * i, n - i);
}

__attribute__((target("avx512f"))) static void half_to_float_avx512(float *out, const unsigned char *in,
                                                                    size_t n) {
    size_t i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i half = _mm256_loadu_si256((const __m256i_u *)(in + 2 * i));
        _mm512_storeu_ps(out + i, _mm512_cvtph_ps(half));
    }
    half_to_float_portable(out + i, in + 2 * i, n - i);
}
#endif

void half_to_float(float *out, const unsigned char *in, size_t n) {
#ifdef ASK_F16C
    if (__builtin_cpu_supports("avx512f")) {
        half_to_float_avx512(out, in, n);
        return;
    }
    if (__builtin_cpu_supports("avx") && __builtin_cpu_supports("f16c")) {
        half_to_float_f16c(out, in, n);
        return;
    }
#endif
    half_to_float_portable(out, in, n);
}

/* Above the subnormals, the mantissa loses 13 bits; adding just under half of the last one that stays, and
 * one more when that is odd, rounds to even and carries into the exponent. A subnormal is a number of 2^-24:
 * so are the last bits of its sum with 1/2, rounded by the addition. */
uint16_t float_to_half(float value) {
    const uint32_t rebias = (127u - 15u) << 23, infinite = 0x7f800000u;
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    uint32_t sign = bits >> 16 & 0x8000u, magnitude = bits & 0x7fffffffu, half;
    if (magnitude > infinite) {
        half = 0x7e00u | (magnitude >> 13 & 0x3ffu);
    } else if (magnitude >= 0x477ff000u) { /* 65520 */
        half = 0x7c00u;
    } else if (magnitude >= 0x38800000u) { /* 2^-14 */
        half = (magnitude - rebias + 0xfffu + (magnitude >> 13 & 1u)) >> 13;
    } else {
        float sum;
        memcpy(&sum, &magnitude, sizeof sum);
        sum += 0.5f;
        memcpy(&half, &sum, sizeof half);
        half -= 0x3f000000u;
    }
    return (uint16_t)(sign | half);
}

void bfloat16_to_float(float *out, const unsigned char *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint16_t half;
        memcpy(&half, in + 2 * i, sizeof half);
        uint32_t bits = (uint32_t)half << 16;
        memcpy(out + i, &bits, sizeof bits);
    }
}

void float_to_bfloat16(unsigned char *out, const float *in, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, in + i, sizeof bits);
        const bool is_nan = (bits & 0x7fffffffu) > 0x7f800000u;
        const uint32_t rounded = is_nan ? bits | 0x400000u : bits + 0x7fffu + (bits >> 16 & 1u);
        const uint16_t half = (uint16_t)(rounded >> 16);
        memcpy(out + 2 * i, &half, sizeof half);
    }
}
