/* checksum.c: see checksum.h */
#include "clip/base/checksum.h"

#include "clip/base/files.h"
#include "clip/base/minimum.h"

#include <inttypes.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <zlib.h>

#define PIECE ((size_t)8 << 20) /* bytes; enough that putting sums together costs nothing */

/* Folding (Gopal et al., Fast CRC Computation Using PCLMULQDQ, 2009): 128 bits that are followed by D others
 * equal, modulo the polynomial, their halves times x^(D+32) and x^(D-32), which are added to those D bits
 * further on. 64 bytes at once, which libdeflate does not know yet, keep up with memory. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>

enum { LANES = 4, STEP = LANES * 64 }; /* bytes */

#define FOLD_TARGET __attribute__((target("avx512f,vpclmulqdq,pclmul")))

/* x, D bits further on, and what is there; `by` has the two powers, reflected, in each 128 bits. */
FOLD_TARGET static inline __m512i fold(__m512i x, __m512i by, __m512i there) {
    return _mm512_ternarylogic_epi64(_mm512_clmulepi64_epi128(x, by, 0x00),
                                     _mm512_clmulepi64_epi128(x, by, 0x11), there, 0x96); /* xor of three */
}

FOLD_TARGET static inline __m512i powers(long long first, long long second) {
    return _mm512_set_epi64(second, first, second, first, second, first, second, first);
}

/* Of size bytes, a multiple of STEP and not 0. */
FOLD_TARGET static uint32_t checksum_folded(uint32_t before, const unsigned char *data, size_t size) {
    const __m512i by_2048 = powers(0x11542778a, 0x1322d1430), by_512 = powers(0x154442bd4, 0x1c6e41596);
    __m512i x[LANES];
    unsigned char rest[64];
    for (int i = 0; i < LANES; i++)
        x[i] = _mm512_loadu_si512(data + 64 * i);
    x[0] = _mm512_xor_si512(x[0], _mm512_zextsi128_si512(_mm_cvtsi32_si128((int)~before)));
    for (size_t at = STEP; at < size; at += STEP)
#pragma GCC unroll 4
        for (int i = 0; i < LANES; i++)
            x[i] = fold(x[i], by_2048, _mm512_loadu_si512(data + at + 64 * i));
    for (int i = 1; i < LANES; i++)
        x[i] = fold(x[i - 1], by_512, x[i]);
    _mm512_storeu_si512(rest, x[LANES - 1]); /* which has the same remainder as all the data */
    return libdeflate_crc32(~0u, rest, sizeof rest);
}

static bool can_fold(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("vpclmulqdq");
}

#else

enum { STEP = 1 };

static bool can_fold(void) {
    return false;
}

static uint32_t checksum_folded(uint32_t before, const unsigned char *data, size_t size) {
    return libdeflate_crc32(before, data, size);
}

#endif

uint32_t checksum(uint32_t before, const void *data, size_t size) {
    const size_t folded = can_fold() ? size / STEP * STEP : 0;
    if (folded > 0)
        before = checksum_folded(before, data, folded);
    return size > folded ? libdeflate_crc32(before, (const unsigned char *)data + folded, size - folded)
                         : before; /* NULL would begin anew */
}

typedef struct {
    const unsigned char *data;
    size_t size;     /* all of it */
    uint32_t sums[]; /* one of each piece */
} Shared;

static void sum_piece(void *context, int piece, int worker) {
    (void)worker;
    Shared *shared = context;
    const size_t first = (size_t)piece * PIECE;
    shared->sums[piece] = checksum(0, shared->data + first, min_size(PIECE, shared->size - first));
}

uint32_t checksum_shared(Pool *pool, uint32_t before, const void *data, size_t size) {
    const int n = (int)((size + PIECE - 1) / PIECE);
    Shared *shared =
        pool_threads(pool) > 1 && n > 1 ? malloc(sizeof *shared + (size_t)n * sizeof *shared->sums) : NULL;
    if (!shared)
        return checksum(before, data, size);
    shared->data = data;
    shared->size = size;
    pool_run(pool, n, sum_piece, shared);
    for (int i = 0; i < n; i++)
        before = (uint32_t)crc32_combine(before, shared->sums[i],
                                         (z_off_t)min_size(PIECE, size - (size_t)i * PIECE));
    free(shared);
    return before;
}

void checksum_text(char out[CHECKSUM_TEXT], uint32_t sum) {
    snprintf(out, CHECKSUM_TEXT, "%08" PRIx32, sum);
}

int checksum_file(char out[CHECKSUM_TEXT], const char *path, Error *err) {
    FileMap map;
    if (file_map(&map, path, err) < 0)
        return -1;
    checksum_text(out, checksum(0, map.data, map.size));
    file_unmap(&map);
    return 0;
}
