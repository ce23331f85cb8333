/* crc.c: CRC-32 at the speed of memory.
 *
 * A message is a polynomial over GF(2), and its CRC the remainder by P. So 16 bytes can be moved over d bits
 * of what follows, by carry-less products of their halves with x^(d+32) and x^(d-32) mod P, and be added
 * there: the message becomes shorter and keeps its CRC. Four such blocks move side by side over 64 bytes at a
 * time, then one over the other; zlib ends with the 16 bytes that are left. Bits are in reflected order.
 * (Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009.)
 */
#include "clip/tensors/crc.h"

#include <zlib.h>

#if defined(__x86_64__) && defined(__GNUC__)

#include <immintrin.h>

enum { STEP = 64 };

/* block moved over the distance that `powers` stands for, and added to next */
__attribute__((target("pclmul"))) static inline __m128i move_block(__m128i block, __m128i powers,
                                                                   __m128i next) {
    __m128i low = _mm_clmulepi64_si128(block, powers, 0x00);
    __m128i high = _mm_clmulepi64_si128(block, powers, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* size is a multiple of STEP, and not 0. */
__attribute__((target("pclmul"))) static uint32_t crc_steps(const unsigned char *data, size_t size) {
    const __m128i *in = (const __m128i *)(const void *)data;
    const __m128i far = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);  /* 512 bits */
    const __m128i near = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0); /* 128 bits */
    __m128i blocks[4];
    for (int i = 0; i < 4; i++)
        blocks[i] = _mm_loadu_si128(in + i);
    blocks[0] = _mm_xor_si128(blocks[0], _mm_cvtsi32_si128(-1)); /* where every CRC-32 begins */
    for (size_t at = STEP; at < size; at += STEP) {
        in += 4;
        for (int i = 0; i < 4; i++)
            blocks[i] = move_block(blocks[i], far, _mm_loadu_si128(in + i));
    }
    for (int i = 1; i < 4; i++)
        blocks[i] = move_block(blocks[i - 1], near, blocks[i]);
    unsigned char left[16];
    _mm_storeu_si128((__m128i *)(void *)left, blocks[3]);
    return (uint32_t)crc32_z(0xffffffff, left, sizeof left); /* zlib turns the bits of what it starts from */
}

uint32_t crc_bytes(const void *data, size_t size) {
    const unsigned char *bytes = data;
    if (size < STEP || !__builtin_cpu_supports("pclmul"))
        return (uint32_t)crc32_z(0, bytes, size);
    size_t most = size - size % STEP;
    return (uint32_t)crc32_z(crc_steps(bytes, most), bytes + most, size - most);
}

#else

uint32_t crc_bytes(const void *data, size_t size) {
    return (uint32_t)crc32_z(0, data, size);
}

#endif
