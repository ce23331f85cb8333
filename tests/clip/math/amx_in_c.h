/* amx_in_c.h: tiles in plain C, so that what is written for AMX is tested on processors without it.
 *
 * A test that includes this before another test of products runs that one with packed_bf16.c compiled here,
 * in place of the library's: AMX then seems to be there, wherever AVX-512 BF16 is. (Intel 64 and IA-32
 * Architectures Software Developer's Manual, TILELOADD, TILESTORED, TDPBF16PS, LDTILECFG.)
 */
#ifndef TESTS_CLIP_MATH_AMX_IN_C_H
#define TESTS_CLIP_MATH_AMX_IN_C_H

#if defined(__x86_64__) && defined(__GNUC__)
#include <assert.h>
#include <cpuid.h>
#include <immintrin.h>
#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { AMX_TILES = 8, AMX_ROWS = 16, AMX_ROW_BYTES = 64 };

typedef struct {
    unsigned char rows[AMX_ROWS][AMX_ROW_BYTES];
} AmxTile;

static atomic_long amx_loads, amx_products; /* since the program began */
static _Thread_local AmxTile amx_tiles[AMX_TILES];
static _Thread_local bool amx_configured;

static void amx_load_config(const void *config) {
    const unsigned char *bytes = config;
    assert(bytes[0] == 1 && bytes[1] == 0);
    for (int tile = 0; tile < AMX_TILES; tile++) { /* full ones are all that there are here */
        uint16_t row_bytes;
        memcpy(&row_bytes, bytes + 16 + 2 * tile, sizeof row_bytes);
        assert(row_bytes == AMX_ROW_BYTES && bytes[48 + tile] == AMX_ROWS);
    }
    amx_configured = true;
}

static void amx_release(void) {
    amx_configured = false;
}

static AmxTile *amx_tile(int tile) {
    assert(amx_configured);
    return &amx_tiles[tile];
}

static void amx_load(int tile, const void *from, size_t step) {
    atomic_fetch_add(&amx_loads, 1);
    for (size_t r = 0; r < AMX_ROWS; r++)
        memcpy(amx_tile(tile)->rows[r], (const unsigned char *)from + r * step, AMX_ROW_BYTES);
}

static void amx_store(int tile, void *to, size_t step) {
    for (size_t r = 0; r < AMX_ROWS; r++)
        memcpy((unsigned char *)to + r * step, amx_tile(tile)->rows[r], AMX_ROW_BYTES);
}

static float amx_float(uint16_t half) {
    const uint32_t bits = (uint32_t)half << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

/* Even and odd numbers of k have chains of their own, which meet in the sum. */
__attribute__((target("avx2,fma"))) static void amx_multiply(int sums, int a, int b) {
    const AmxTile *left = amx_tile(a), *right = amx_tile(b);
    atomic_fetch_add(&amx_products, 1);
    for (int m = 0; m < AMX_ROWS; m++) {
        float chains[2][16] = {{0}}, sum[16];
        uint16_t row[32], pairs[32];
        memcpy(row, left->rows[m], sizeof row);
        for (int k = 0; k < AMX_ROWS; k++) {
            memcpy(pairs, right->rows[k], sizeof pairs);
            for (int odd = 0; odd < 2; odd++)
                for (int n = 0; n < 16; n++)
                    chains[odd][n] =
                        fmaf(amx_float(row[2 * k + odd]), amx_float(pairs[2 * n + odd]), chains[odd][n]);
        }
        memcpy(sum, amx_tile(sums)->rows[m], sizeof sum);
        for (int n = 0; n < 16; n++)
            sum[n] += chains[0][n] + chains[1][n];
        memcpy(amx_tile(sums)->rows[m], sum, sizeof sum);
    }
}

/* CPUID says that there is AMX, and the kernel that it may be used. */
static int amx_cpuid(unsigned leaf, unsigned part, unsigned *a, unsigned *b, unsigned *c, unsigned *d) {
    const int known = __get_cpuid_count(leaf, part, a, b, c, d);
    if (leaf == 7 && part == 0)
        *d |= 1u << 22 | 1u << 24;
    return known;
}

#undef _tile_loadconfig
#undef _tile_release
#undef _tile_zero
#undef _tile_loadd
#undef _tile_stored
#undef _tile_dpbf16ps
#define _tile_loadconfig(config) amx_load_config(config)
#define _tile_release() amx_release()
#define _tile_zero(tile) memset(amx_tile(tile), 0, sizeof(AmxTile))
#define _tile_loadd(tile, from, step) amx_load(tile, from, step)
#define _tile_stored(tile, to, step) amx_store(tile, to, step)
#define _tile_dpbf16ps(sums, a, b) amx_multiply(sums, a, b)
#define __get_cpuid_count amx_cpuid
#define syscall(...) 0

#include "clip/math/packed_bf16.c" /* NOLINT: this is what is tested */

#undef syscall
#undef __get_cpuid_count
#undef BUFFER
#undef K_STEP
#undef K_BLOCK
#endif

#endif
