/* test_random.c: every draw against CPython's. The tables were made with CPython 3.11.7's random module. */
#include "clip/base/random.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define HASH_START 0xcbf29ce484222325u

/* FNV-1a over the eight bytes of value, little end first. */
static uint64_t hash_add(uint64_t hash, uint64_t value) {
    for (int i = 0; i < 8; i++, value >>= 8)
        hash = (hash ^ (value & 0xFF)) * 0x100000001b3u;
    return hash;
}

static Rng seeded(uint32_t seed) {
    Rng rng;
    rng_seed(&rng, &seed, 1);
    return rng;
}

/* Hashes of long runs, one after the other from random.seed(seed); see the hash_ functions below. */
static const struct {
    uint32_t seed;
    uint64_t bits, below, doubles, shuffles, samples;
} runs[] = {
    {0u, 0x8b33fd0db8bc3a85u, 0xc200900b4e3ac7d7u, 0x1347ffbcb8d671a0u, 0xd127a9fb1c97c885u,
     0x7f70ef7315566568u},
    {1u, 0xf5c9f9a6046e489eu, 0x49b1432402f4f4f5u, 0xc6b18db23ee2d0a0u, 0x9d9ee41bdb81fc85u,
     0x5bd5a838d681dabeu},
    {2u, 0xeaa7eef6fd579308u, 0xa52eae5aa00b9459u, 0xd5e25403d564f626u, 0x0497f135b0f06ca5u,
     0x6051f182acd1e75bu},
    {3u, 0xd3abe35b233e7319u, 0xd6a49decd027e641u, 0x9a891c691cef5fa2u, 0x5698135996f55ac5u,
     0xa0b9f0a04c94d843u},
    {4294967295u, 0x1d39b4362b78e26eu, 0x71925a241112760au, 0x83d11f9d5fa774d8u, 0xf382cd1133d2e485u,
     0x5b536175f8bab352u},
};

static uint64_t hash_bits(Rng *rng) {
    uint64_t hash = HASH_START;
    for (int i = 0; i < 2000; i++)
        hash = hash_add(hash, rng_bits(rng, 1 + i % 32));
    return hash;
}

/* Bounds 1..2999, then around every power of two, then the largest. */
static uint64_t hash_below(Rng *rng) {
    uint64_t hash = HASH_START;
    for (uint32_t n = 1; n < 3000; n++)
        hash = hash_add(hash, rng_below(rng, n));
    for (int bit = 1; bit < 32; bit++)
        for (uint32_t n = (1u << bit) - 1; n <= (1u << bit) + 1; n++)
            hash = hash_add(hash, rng_below(rng, n));
    return hash_add(hash, rng_below(rng, UINT32_MAX));
}

static uint64_t hash_doubles(Rng *rng) {
    uint64_t hash = HASH_START;
    for (int i = 0; i < 1000; i++)
        hash = hash_add(hash, (uint64_t)ldexp(rng_double(rng), 53));
    return hash;
}

static uint64_t hash_shuffles(Rng *rng) {
    uint64_t hash = HASH_START;
    int items[120];
    for (int n = 0; n < 120; n++) {
        for (int i = 0; i < n; i++)
            items[i] = i;
        rng_shuffle(rng, items, n);
        for (int i = 0; i < n; i++)
            hash = hash_add(hash, (uint64_t)items[i]);
    }
    return hash;
}

static uint64_t hash_sample(Rng *rng, uint64_t hash, int n, int k) {
    static int items[2000];
    assert_true(k <= 2000);
    rng_sample(rng, n, k, items);
    for (int i = 0; i < k; i++)
        hash = hash_add(hash, (uint64_t)items[i]);
    return hash;
}

/* All small sizes, then both sides of the border between Python's two algorithms, and large ones. */
static uint64_t hash_samples(Rng *rng) {
    static const int borders[][2] = {
        {21, 5},          {22, 5},      {85, 6},      {86, 6},       {84, 21},       {85, 21},
        {277, 22},        {278, 22},    {1000, 16},   {4000, 1},     {INT32_MAX, 3}, {5000, 2000},
        {INT32_MAX, 100}, {4116, 1365}, {4117, 1365}, {16405, 1366}, {16406, 1366}};
    uint64_t hash = HASH_START;
    for (int n = 0; n < 150; n++)
        for (int k = 0; k <= n; k += 1 + n / 12)
            hash = hash_sample(rng, hash, n, k);
    for (size_t i = 0; i < sizeof borders / sizeof *borders; i++)
        hash = hash_sample(rng, hash, borders[i][0], borders[i][1]);
    return hash;
}

static void long_runs_are_pythons(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
        Rng rng = seeded(runs[i].seed);
        assert_true(hash_bits(&rng) == runs[i].bits);
        assert_true(hash_below(&rng) == runs[i].below);
        assert_true(hash_doubles(&rng) == runs[i].doubles);
        assert_true(hash_shuffles(&rng) == runs[i].shuffles);
        assert_true(hash_samples(&rng) == runs[i].samples);
    }
}

static void first_words_are_pythons(void **state) {
    (void)state;
    static const uint32_t words[3][4] = {{0x2265b1f5, 0x91b7584a, 0xd8f16adf, 0xcd613e30},
                                         {0xf4bea973, 0xdcf4bb99, 0xf2a4d27b, 0xd95bafc8},
                                         {0x3ceb3ffd, 0x97b75092, 0x8b529b4a, 0x21636369}};
    static const double doubles[3][2] = {{0x1.132d8f91b7584p-3, 0x1.b1e2d5b3584f8p-1},
                                         {0x1.e97d52f73d2eep-1, 0x1.e549a4f656ebfp-1},
                                         {0x1.e759ff97b7508p-3, 0x1.16a5368858d8dp-1}};
    for (uint32_t seed = 1; seed <= 3; seed++) {
        Rng rng = seeded(seed);
        for (int i = 0; i < 4; i++)
            assert_int_equal(rng_bits(&rng, 32), words[seed - 1][i]);
        rng = seeded(seed);
        for (int i = 0; i < 2; i++)
            assert_true(rng_double(&rng) == doubles[seed - 1][i]);
    }
}

/* The vector of mt19937ar.out: a key of several words. */
static void keys_are_the_reference_s(void **state) {
    (void)state;
    static const uint32_t key[] = {0x123, 0x234, 0x345, 0x456};
    static const uint32_t words[] = {1067595299u, 955945823u, 477289528u, 4107218783u, 4228976476u};
    Rng rng;
    rng_seed(&rng, key, 4);
    for (int i = 0; i < 5; i++)
        assert_int_equal(rng_bits(&rng, 32), words[i]);
}

static void shuffles_are_pythons(void **state) {
    (void)state;
    static const int shuffled[3][10] = {
        {6, 8, 9, 7, 5, 3, 0, 4, 1, 2}, {5, 9, 3, 4, 6, 7, 2, 8, 1, 0}, {1, 5, 6, 0, 9, 4, 7, 2, 8, 3}};
    for (uint32_t seed = 1; seed <= 3; seed++) {
        Rng rng = seeded(seed);
        int items[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
        rng_shuffle(&rng, items, 10);
        assert_memory_equal(items, shuffled[seed - 1], sizeof items);
    }
}

static void samples_are_pythons(void **state) {
    (void)state;
    static const struct {
        uint32_t seed;
        int n, k, items[16];
    } samples[] = {
        {1, 10, 1, {2}},
        {1, 10, 4, {2, 1, 4, 0}},
        {1, 30, 5, {4, 18, 27, 25, 24}},
        {1, 100, 16, {17, 72, 97, 8, 32, 15, 63, 57, 60, 83, 48, 26, 12, 62, 3, 49}},
        {2, 100, 16, {7, 11, 10, 46, 21, 94, 85, 39, 32, 77, 27, 4, 74, 87, 20, 55}},
        {3, 100, 16, {30, 75, 69, 16, 47, 77, 60, 80, 74, 8, 1, 33, 70, 29, 24, 91}},
        {1, 81, 16, {17, 72, 8, 32, 15, 63, 57, 60, 48, 26, 12, 62, 3, 49, 55, 0}},
        {2, 22, 5, {1, 2, 11, 5, 21}},
        {3, 277, 16, {121, 66, 189, 242, 33, 6, 240, 132, 119, 98, 276, 243, 203, 77, 118, 267}},
        {1, 278, 16, {68, 32, 130, 60, 253, 230, 241, 194, 107, 48, 249, 14, 199, 221, 1, 228}},
        {3, 1300, 16, {487, 1213, 1114, 267, 757, 1236, 970, 1281, 1189, 134, 1240, 26, 960, 531, 1128, 479}},
    };
    for (size_t i = 0; i < sizeof samples / sizeof *samples; i++) {
        Rng rng = seeded(samples[i].seed);
        int items[16];
        rng_sample(&rng, samples[i].n, samples[i].k, items);
        assert_memory_equal(items, samples[i].items, (size_t)samples[i].k * sizeof *items);
    }
}

static void samples_are_distinct(void **state) {
    (void)state;
    Rng rng = seeded(7);
    for (int n = 1; n <= 400; n += 7) {
        for (int k = 1; k <= n; k += 5) {
            int items[400];
            unsigned char seen[400] = {0};
            rng_sample(&rng, n, k, items);
            for (int i = 0; i < k; i++) {
                assert_in_range(items[i], 0, n - 1);
                assert_false(seen[items[i]]++);
            }
        }
    }
}

static void streams_differ_in_every_part_of_the_key(void **state) {
    (void)state;
    static const uint32_t keys[][4] = {{1, STREAM_AUGMENT, 0, 0},
                                       {2, STREAM_AUGMENT, 0, 0},
                                       {1, STREAM_SPLIT, 0, 0},
                                       {1, STREAM_AUGMENT, 1, 0},
                                       {1, STREAM_AUGMENT, 0, 1}};
    uint32_t words[5][2];
    for (int i = 0; i < 5; i++) {
        for (int again = 0; again < 2; again++) {
            Rng rng;
            rng_stream(&rng, keys[i][0], (Stream)keys[i][1], keys[i][2], keys[i][3]);
            words[i][again] = rng_bits(&rng, 32);
        }
        assert_int_equal(words[i][0], words[i][1]);
        for (int j = 0; j < i; j++)
            assert_int_not_equal(words[i][0], words[j][0]);
    }
}

/* torch.manual_seed(seed); torch.empty(n).normal_(std=0.02); torch.randperm(10), by PyTorch 2.15. */
static void torch_draws_are_those_of_pytorch(void **state) {
    (void)state;
    static const struct {
        size_t n;
        float first[3], last[3];
        int order[10];
    } drawn[] = {{32,
                  {-0.0305119175f, -0.0150046358f, -0.0130796181f},
                  {-0.012354889f, -0.0159613956f, -0.00263246405f},
                  {7, 0, 3, 8, 9, 6, 5, 4, 1, 2}},
                 {37,
                  {-0.0305119175f, -0.0150046358f, -0.0130796181f},
                  {0.0049350583f, 0.0236865319f, -0.0145642739f},
                  {0, 1, 5, 7, 6, 3, 4, 8, 9, 2}}};
    for (size_t i = 0; i < 2; i++) {
        float x[37];
        int order[10];
        Rng rng;
        rng_torch_seed(&rng, 1);
        rng_torch_normal(&rng, x, drawn[i].n, 0.02);
        rng_torch_permutation(&rng, order, 10);
        for (int j = 0; j < 3; j++) {
            assert_true(fabsf(x[j] - drawn[i].first[j]) < 1e-7f);
            assert_true(fabsf(x[drawn[i].n - 3 + (size_t)j] - drawn[i].last[j]) < 1e-7f);
        }
        assert_memory_equal(order, drawn[i].order, sizeof order);
    }
}

/* The same with fewer than sixteen numbers, and with two more of a second tensor, by PyTorch 2.15: exact. A
 * tensor of sixteen in between leaves the half that waits alone. */
static void small_torch_draws_are_those_of_pytorch(void **state) {
    (void)state;
    static const struct {
        uint32_t seed;
        size_t n;
        float x[17];
        int order[10];
    } drawn[] = {
        {1, 1, {0.0132270437f, 0.00533848209f, 0.00123354513f}, {9, 1, 2, 0, 8, 4, 7, 6, 5, 3}},
        {1,
         2,
         {0.0132270437f, 0.00533848209f, 0.00123354513f, 0.0124263465f},
         {9, 1, 2, 0, 8, 4, 7, 6, 5, 3}},
        {7,
         3,
         {-0.00293590198f, 0.0157228261f, 0.0189364329f, -0.0222868808f, 0.0338158011f},
         {8, 7, 0, 4, 3, 1, 9, 5, 2, 6}},
        {1,
         15,
         {0.0132270437f, 0.00533848209f, 0.00123354513f, 0.0124263465f, -0.00903811958f, -0.00332260458f,
          -0.0304553695f, 0.00763367815f, -0.0205521714f, -0.0112610562f, -0.0178458095f, -0.00116500363f,
          -0.00391019136f, -0.0193127189f, 0.00844830647f, 0.00534634013f, -0.00842390303f},
         {3, 7, 2, 1, 0, 9, 4, 5, 6, 8}}};
    for (size_t i = 0; i < sizeof drawn / sizeof *drawn; i++) {
        const size_t n = drawn[i].n;
        float x[17], sixteen[16];
        int order[10];
        Rng rng, other;
        rng_torch_seed(&rng, drawn[i].seed);
        rng_torch_normal(&rng, x, n, 0.02);
        other = rng;
        rng_torch_normal(&rng, x + n, 2, 0.02);
        rng_torch_permutation(&rng, order, 10);
        assert_memory_equal(x, drawn[i].x, (n + 2) * sizeof *x);
        assert_memory_equal(order, drawn[i].order, sizeof order);
        rng_torch_normal(&other, sixteen, 16, 0.02);
        rng_torch_normal(&other, x, 1, 0.02);
        assert_int_equal(x[0] == drawn[i].x[n], n % 2);
    }
}

/* By PyTorch: 5 numbers, then 40 of which the last two, then randperm(3). */
static void uniform_torch_draws_are_those_of_pytorch(void **state) {
    (void)state;
    static const float first[] = {0.16512593626976013f, -0.18694454431533813f, 0.2037348449230194f,
                                  0.15996351838111877f, 0.21005171537399292f},
                       last[] = {0.11633607745170593f, 0.18979310989379883f};
    static const int order[] = {1, 2, 0};
    float x[40];
    int drawn[3];
    Rng rng;
    rng_torch_seed(&rng, 5);
    rng_torch_uniform(&rng, x, 5, -0.25f, 0.25f);
    assert_memory_equal(x, first, sizeof first);
    rng_torch_uniform(&rng, x, 40, -0.25f, 0.25f);
    assert_memory_equal(x + 38, last, sizeof last);
    rng_torch_permutation(&rng, drawn, 3);
    assert_memory_equal(drawn, order, sizeof order);
}

/* Means within about five standard errors: 1/sqrt(n), sqrt(2/n) and sqrt(15/n) are 0.0022, 0.0032 and 0.0087.
 */
static void normal_has_its_moments(void **state) {
    (void)state;
    enum { N = 200000 };
    Rng rng = seeded(5);
    double sums[4] = {0};
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&rng);
        assert_true(isfinite(x));
        sums[0] += x;
        sums[1] += x * x;
        sums[2] += x * x * x;
        sums[3] += fabs(x) > 1.959964 ? 1.0 : 0.0;
    }
    assert_true(fabs(sums[0] / N) < 0.011);
    assert_true(fabs(sums[1] / N - 1.0) < 0.016);
    assert_true(fabs(sums[2] / N) < 0.043);
    assert_true(fabs(sums[3] / N - 0.05) < 0.0025);
}

static void uniform_stays_inside(void **state) {
    (void)state;
    Rng rng = seeded(6), copy = rng;
    for (int i = 0; i < 1000; i++) {
        double x = rng_uniform(&rng, -2.0, 6.0);
        assert_true(x >= -2.0 && x < 6.0);
        assert_true(x == -2.0 + 8.0 * rng_double(&copy));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_words_are_pythons),
        cmocka_unit_test(keys_are_the_reference_s),
        cmocka_unit_test(shuffles_are_pythons),
        cmocka_unit_test(samples_are_pythons),
        cmocka_unit_test(samples_are_distinct),
        cmocka_unit_test(long_runs_are_pythons),
        cmocka_unit_test(streams_differ_in_every_part_of_the_key),
        cmocka_unit_test(torch_draws_are_those_of_pytorch),
        cmocka_unit_test(small_torch_draws_are_those_of_pytorch),
        cmocka_unit_test(uniform_torch_draws_are_those_of_pytorch),
        cmocka_unit_test(normal_has_its_moments),
        cmocka_unit_test(uniform_stays_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
