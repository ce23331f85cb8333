/* random.c: MT19937 and the derived draws of Python's random module and of PyTorch.
 *
 * Generator and seeding: M. Matsumoto and T. Nishimura, "Mersenne Twister", ACM TOMACS 8(1), 1998, with
 * init_by_array of 2002. Draws: CPython 3.8 to 3.12, Lib/random.py and Modules/_randommodule.c;
 * PyTorch, aten/src/ATen/native/cpu/DistributionTemplates.h and aten/src/ATen/native/TensorFactories.cpp.
 */
#include "clip/base/random.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define STATE_WORDS 624
#define SHIFT_WORDS 397

static void seed_word(Rng *rng, uint32_t seed) {
    memset(rng, 0, sizeof *rng); /* all of it, so that two that are alike are so to the byte */
    rng->state[0] = seed;
    for (int i = 1; i < STATE_WORDS; i++) {
        uint32_t previous = rng->state[i - 1];
        rng->state[i] = 1812433253u * (previous ^ (previous >> 30)) + (uint32_t)i;
    }
    rng->index = STATE_WORDS;
}

/* The word before state[*i], folded; moves *i on. The state is a ring whose word 0 mirrors its last. */
static uint32_t seed_fold(const Rng *rng, int i, uint32_t factor) {
    uint32_t previous = rng->state[i - 1];
    return rng->state[i] ^ ((previous ^ (previous >> 30)) * factor);
}

static int seed_next(Rng *rng, int i) {
    if (i + 1 < STATE_WORDS)
        return i + 1;
    rng->state[0] = rng->state[STATE_WORDS - 1];
    return 1;
}

void rng_seed(Rng *rng, const uint32_t *key, int n_key) {
    assert(n_key >= 1);
    seed_word(rng, 19650218u);
    int i = 1, j = 0;
    for (int k = n_key > STATE_WORDS ? n_key : STATE_WORDS; k > 0; k--) {
        rng->state[i] = seed_fold(rng, i, 1664525u) + key[j] + (uint32_t)j;
        i = seed_next(rng, i);
        j = j + 1 < n_key ? j + 1 : 0;
    }
    for (int k = STATE_WORDS - 1; k > 0; k--) {
        rng->state[i] = seed_fold(rng, i, 1566083941u) - (uint32_t)i;
        i = seed_next(rng, i);
    }
    rng->state[0] = 0x80000000u;
}

void rng_stream(Rng *rng, uint32_t seed, Stream stream, uint32_t item, uint32_t view) {
    uint32_t key[4] = {seed, (uint32_t)stream, item, view};
    rng_seed(rng, key, 4);
}

static void generate(Rng *rng) {
    for (int i = 0; i < STATE_WORDS; i++) {
        uint32_t next = rng->state[(i + 1) % STATE_WORDS];
        uint32_t mixed = (rng->state[i] & 0x80000000u) | (next & 0x7fffffffu);
        uint32_t shifted = rng->state[(i + SHIFT_WORDS) % STATE_WORDS];
        rng->state[i] = shifted ^ (mixed >> 1) ^ (mixed & 1u ? 0x9908b0dfu : 0u);
    }
    rng->index = 0;
}

static uint32_t next_word(Rng *rng) {
    if (rng->index >= STATE_WORDS)
        generate(rng);
    uint32_t y = rng->state[rng->index++];
    y ^= y >> 11;
    y ^= (y << 7) & 0x9d2c5680u;
    y ^= (y << 15) & 0xefc60000u;
    return y ^ (y >> 18);
}

uint32_t rng_bits(Rng *rng, int n_bits) {
    assert(n_bits >= 1 && n_bits <= 32);
    return next_word(rng) >> (32 - n_bits);
}

/* As many bits as n itself has (not n - 1), drawn again until they are below n: for n = 1 half the draws
 * are wasted, but these are Python's draws. */
uint32_t rng_below(Rng *rng, uint32_t n) {
    assert(n >= 1);
    int n_bits = 32 - __builtin_clz(n);
    uint32_t drawn;
    do {
        drawn = rng_bits(rng, n_bits);
    } while (drawn >= n);
    return drawn;
}

double rng_double(Rng *rng) {
    uint32_t high = next_word(rng) >> 5, low = next_word(rng) >> 6;
    return (high * 67108864.0 + low) * (1.0 / 9007199254740992.0);
}

double rng_uniform(Rng *rng, double low, double high) {
    return low + (high - low) * rng_double(rng);
}

double rng_normal(Rng *rng) {
    double radius = sqrt(-2.0 * log(1.0 - rng_double(rng))); /* 1 minus a number in [0, 1) is never 0 */
    return radius * cos(2.0 * M_PI * rng_double(rng));
}

void rng_shuffle(Rng *rng, int *items, int n) {
    for (int i = n - 1; i > 0; i--) {
        int j = (int)rng_below(rng, (uint32_t)i + 1);
        int item = items[i];
        items[i] = items[j];
        items[j] = item;
    }
}

/* Whether Python's sample draws from a shrinking pool: 21 + 4^ceil(log_4(3 k)), the second term for k > 5
 * only, is its estimate of the size of a set of k. */
static int uses_pool(int n, int k) {
    int64_t set_size = 1;
    while (k > 5 && set_size < 3 * (int64_t)k)
        set_size *= 4;
    return n <= 21 + (k > 5 ? set_size : 0);
}

static int contains(const int *items, int n, int item) {
    for (int i = 0; i < n; i++)
        if (items[i] == item)
            return 1;
    return 0;
}

/* Python fills a pool with 0..n-1, and draw i takes pool[j], j < n - i, and moves the pool's last item to
 * place j. No pool is needed for that: what lies at place j before draw i follows from the earlier draws,
 * last first. If draw t took place j, the item there has come from place n - 1 - t. O(k^2) time, and no
 * memory. */
static void sample_pool(Rng *rng, int n, int k, int *out) {
    for (int i = 0; i < k; i++)
        out[i] = (int)rng_below(rng, (uint32_t)(n - i));
    for (int i = k - 1; i > 0; i--) {
        int place = out[i];
        for (int t = i - 1; t >= 0; t--)
            place = out[t] == place ? n - 1 - t : place;
        out[i] = place;
    }
}

void rng_sample(Rng *rng, int n, int k, int *out) {
    assert(0 <= k && k <= n);
    if (uses_pool(n, k)) {
        sample_pool(rng, n, k, out);
        return;
    }
    for (int i = 0; i < k; i++)
        do {
            out[i] = (int)rng_below(rng, (uint32_t)n);
        } while (contains(out, i, out[i]));
}

/* --- PyTorch --- */

void rng_torch_seed(Rng *rng, uint32_t seed) {
    seed_word(rng, seed);
}

/* 24 bits, as torch draws a float from [0, 1). */
static float torch_uniform(Rng *rng) {
    return (float)(next_word(rng) & 0xffffffu) * 0x1p-24f;
}

/* Box and Muller on sixteen uniform numbers: the first eight give radii, the last eight angles; cosines, then
 * sines. */
static void torch_fill_sixteen(float x[16], double std) {
    for (int i = 0; i < 8; i++) {
        double radius = std * sqrt(-2.0 * log(1.0 - (double)x[i])), angle = 2.0 * M_PI * (double)x[i + 8];
        x[i] = (float)(radius * cos(angle));
        x[i + 8] = (float)(radius * sin(angle));
    }
}

/* 53 bits of two words, the higher one first. */
static double torch_uniform_double(Rng *rng) {
    uint64_t high = next_word(rng), low = next_word(rng);
    return (double)((high << 32 | low) & ((UINT64_C(1) << 53) - 1)) * 0x1p-53;
}

/* Box and Muller on two uniform numbers, the angle before the radius: the cosine, and at the next call the
 * sine, even if that fills another tensor. */
static double torch_normal_double(Rng *rng) {
    if (rng->has_sine) {
        rng->has_sine = false;
        return rng->sine;
    }
    double angle = 2.0 * M_PI * torch_uniform_double(rng);
    double radius = sqrt(-2.0 * log1p(-torch_uniform_double(rng)));
    rng->has_sine = true;
    rng->sine = radius * sin(angle);
    return radius * cos(angle);
}

/* Fewer than sixteen numbers are drawn one by one, in double. Of more, all uniform numbers are drawn first; a
 * last incomplete block is the last sixteen numbers, drawn anew. */
void rng_torch_normal(Rng *rng, float *out, size_t n, double std) {
    if (n < 16) {
        for (size_t i = 0; i < n; i++)
            out[i] = (float)(std * torch_normal_double(rng));
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = torch_uniform(rng);
    for (size_t i = 0; i + 16 <= n; i += 16)
        torch_fill_sixteen(out + i, std);
    if (n % 16 == 0)
        return;
    for (size_t i = n - 16; i < n; i++)
        out[i] = torch_uniform(rng);
    torch_fill_sixteen(out + n - 16, std);
}

void rng_torch_uniform(Rng *rng, float *out, size_t n, float low, float high) {
    for (size_t i = 0; i < n; i++)
        out[i] = torch_uniform(rng) * (high - low) + low;
}

void rng_torch_permutation(Rng *rng, int *out, int n) {
    for (int i = 0; i < n; i++)
        out[i] = i;
    for (int i = 0; i < n - 1; i++) {
        int j = i + (int)(next_word(rng) % (uint32_t)(n - i)), item = out[i];
        out[i] = out[j];
        out[j] = item;
    }
}
