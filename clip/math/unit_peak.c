/* unit_peak.c: see unit_peak.h
 *
 * Sixteen chains of sums are more than any processor has in flight: two units with a latency of four cycles
 * need eight. AMX has one unit, which begins a product of tiles every 16 cycles and ends it after 52: four
 * tiles of sums are enough.
 */
#include "clip/math/unit_peak.h"

#include "clip/base/clock.h"
#include "clip/math/packed_bf16.h"
#include "clip/math/strips.h"

#include <stddef.h>

typedef double (*UnitLoop)(long times); /* GFLOP of so many rounds */

#if defined(__x86_64__) && defined(__GNUC__) && !defined(NO_FUSED)
#include <immintrin.h>

enum { CHAINS = 16 };

/* Read before a loop, so that the compiler knows nothing of the factors. */
static volatile float factor = 1e-3f;
static volatile float sink;

__attribute__((target("avx512f"))) static double loop_512(long times) {
    const __m512 a = _mm512_set1_ps(factor), b = _mm512_set1_ps(-factor);
    __m512 sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_set1_ps((float)i);
    for (long t = 0; t < times; t++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_fmadd_ps(a, b, sums[i]);
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm512_add_ps(sums[0], sums[i]);
    sink = _mm512_cvtss_f32(sums[0]);
    return 1e-9 * 2 * 16 * CHAINS * (double)times;
}

/* Sixteen registers in all: two are the factors. */
__attribute__((target("avx2,fma"))) static double loop_256(long times) {
    enum { HERE = 12 };
    const __m256 a = _mm256_set1_ps(factor), b = _mm256_set1_ps(-factor);
    __m256 sums[HERE];
    for (int i = 0; i < HERE; i++)
        sums[i] = _mm256_set1_ps((float)i);
    for (long t = 0; t < times; t++)
#pragma GCC unroll 12
        for (int i = 0; i < HERE; i++)
            sums[i] = _mm256_fmadd_ps(a, b, sums[i]);
    for (int i = 1; i < HERE; i++)
        sums[0] = _mm256_add_ps(sums[0], sums[i]);
    sink = _mm256_cvtss_f32(sums[0]);
    return 1e-9 * 2 * 8 * HERE * (double)times;
}

__attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16"))) static double loop_bf16(long times) {
    const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(factor), _mm512_set1_ps(factor));
    const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(-factor), _mm512_set1_ps(-factor));
    __m512 sums[CHAINS];
    for (int i = 0; i < CHAINS; i++)
        sums[i] = _mm512_set1_ps((float)i);
    for (long t = 0; t < times; t++)
#pragma GCC unroll 16
        for (int i = 0; i < CHAINS; i++)
            sums[i] = _mm512_dpbf16_ps(sums[i], a, b);
    for (int i = 1; i < CHAINS; i++)
        sums[0] = _mm512_add_ps(sums[0], sums[i]);
    sink = _mm512_cvtss_f32(sums[0]);
    return 1e-9 * 4 * 16 * CHAINS * (double)times;
}

/* Tiles of 16 rows of 32 numbers each: 2 * 16 * 16 * 32 operations. All hold zeros: no value is slower. */
__attribute__((target("amx-tile,amx-bf16"))) static double loop_amx(long times) {
    const struct {
        unsigned char palette, start_row, reserved[14];
        unsigned short row_bytes[16];
        unsigned char rows[16];
    } config = {.palette = 1,
                .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    __asm__ volatile("" ::: "memory");
    _tile_loadconfig(&config);
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_zero(4);
    _tile_zero(5);
    _tile_zero(6);
    _tile_zero(7);
    for (long t = 0; t < times; t++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    _tile_release();
    return 1e-9 * 4 * 2 * 16 * 16 * 32 * (double)times;
}

static UnitLoop find_loop(Precision precision, const char **name) {
    if (precision_here(precision) == PRECISION_BFLOAT16) {
        const bool amx = bf16_best_kernel() == BF16_AMX;
        *name = amx ? "AMX BF16" : "AVX-512 BF16";
        return amx ? loop_amx : loop_bf16;
    }
    const int panel = precision == PRECISION_BFLOAT16 ? 0 : strip_best_panel();
    *name = panel == 64 ? "AVX-512 FMA" : panel ? "AVX2 FMA" : "none";
    return panel == 64 ? loop_512 : panel ? loop_256 : NULL;
}
#else
static UnitLoop find_loop(Precision precision, const char **name) {
    (void)precision;
    *name = "none";
    return NULL;
}
#endif

const char *unit_name(Precision precision) {
    const char *name;
    find_loop(precision, &name);
    return name;
}

double unit_peak_gflops(Precision precision) {
    enum { TRIES = 60 };
    const char *name;
    const UnitLoop loop = find_loop(precision, &name);
    const double end = clock_seconds() + 0.15, enough = 5e-4;
    double best = 0;
    long times = 1000;
    for (int i = 0; loop && i < TRIES && (i == 0 || clock_seconds() < end); i++) {
        const double begin = clock_seconds(), gflop = loop(times), took = clock_seconds() - begin;
        if (took < enough) /* too short for the clock */
            times *= 2;
        else if (gflop / took > best)
            best = gflop / took;
    }
    return best;
}
