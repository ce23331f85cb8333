/* Attention in bfloat16: against sums in double of what its header says is rounded, near attention in float,
 * and every row with bits of its own; for every kernel this processor has. */
#include "clip/math/attention_bf16.h"

#include "clip/math/half.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const Bf16Kernel KERNELS[] = {BF16_AVX512, BF16_AMX};

typedef struct {
    int Q, T, D, H;
} Shape;

/* One token; keys that fill their panels and that do not; heads that do not; more rows than go at once; one
 * query. */
static const Shape SHAPES[] = {{1, 1, 64, 1},   {5, 5, 64, 2},     {50, 50, 64, 3},  {64, 64, 32, 1},
                               {1, 197, 64, 2}, {197, 197, 64, 1}, {65, 257, 88, 2}, {7, 33, 6, 4}};
enum { N_SHAPES = sizeof SHAPES / sizeof *SHAPES };

typedef struct {
    Shape shape;
    int C;
    float *qkv, *out; /* (T, 3C), (Q, C) */
    AttentionScratch scratch;
    Arena *arena;
} Bench;

static Bench bench_create(Shape s) {
    Arena *arena = arena_create();
    Bench b = {.shape = s, .C = s.D * s.H, .scratch = attention_scratch(s.T, s.D, arena), .arena = arena};
    b.qkv = arena_floats(arena, (size_t)s.T, 3 * (size_t)b.C);
    b.out = arena_floats(arena, (size_t)s.Q, (size_t)b.C);
    fill_normal(b.qkv, (size_t)s.T * 3 * (size_t)b.C, 1, 7);
    return b;
}

static AttentionHead head_of(const Bench *b, float *out, int h, int first, int rows) {
    const float *qkv = b->qkv + h * b->shape.D;
    return (AttentionHead){.out = out + h * b->shape.D,
                           .q = qkv + (size_t)first * 3 * (size_t)b->C,
                           .k = qkv + b->C,
                           .v = qkv + 2 * b->C,
                           .out_stride = b->C,
                           .q_stride = 3 * b->C,
                           .kv_stride = 3 * b->C,
                           .Q = rows,
                           .T = b->shape.T,
                           .D = b->shape.D};
}

static void attend(const Bench *b, Bf16Kernel kernel, float *out, int first, int rows) {
    for (int h = 0; h < b->shape.H; h++) {
        const AttentionHead head = head_of(b, out, h, first, rows);
        attention_bf16_head(kernel, &head, &b->scratch);
    }
}

static double rounded(double x) {
    unsigned char half[2];
    float value = (float)x;
    float_to_bfloat16(half, &value, 1);
    bfloat16_to_float(&value, half, 1);
    return (double)value;
}

/* Row `row` of one head, by what the header says. */
static void reference_row(float *out, const Bench *b, int head, int row) {
    const int T = b->shape.T, D = b->shape.D, C = b->C;
    const float *q = b->qkv + row * 3 * C + head * D, *k = b->qkv + C + head * D, *v = k + C;
    double weights[300], largest = -INFINITY, total = 0;
    for (int t = 0; t < T; t++) {
        weights[t] = 0;
        for (int d = 0; d < D; d++)
            weights[t] += rounded((double)q[d]) * rounded((double)k[t * 3 * C + d]);
        largest = weights[t] > largest ? weights[t] : largest;
    }
    for (int t = 0; t < T; t++) {
        weights[t] = rounded(exp((weights[t] - largest) / sqrt(D)));
        total += weights[t];
    }
    for (int d = 0; d < D; d++) {
        double sum = 0;
        for (int t = 0; t < T; t++)
            sum += weights[t] * rounded((double)v[t * 3 * C + d]);
        out[row * C + head * D + d] = (float)(sum / total);
    }
}

/* A weight between two numbers may be rounded to the other one: that is seldom, and one part in 256 of it. */
static void sums_are_of_rounded_numbers(void **state) {
    (void)state;
    for (int c = 0; c < N_SHAPES * 2; c++) {
        if (!bf16_can_multiply(KERNELS[c % 2]))
            continue;
        Bench b = bench_create(SHAPES[c / 2]);
        const size_t size = (size_t)b.shape.Q * (size_t)b.C;
        float *want = arena_floats(b.arena, size, 1), *exact = arena_floats(b.arena, size, 1);
        float *scores = arena_floats(b.arena, (size_t)b.shape.Q, (size_t)b.shape.T);
        for (int i = 0; i < b.shape.H * b.shape.Q; i++)
            reference_row(want, &b, i / b.shape.Q, i % b.shape.Q);
        fill_normal(b.out, size, 1, 8); /* what was there before must not matter */
        attend(&b, KERNELS[c % 2], b.out, 0, b.shape.Q);
        assert_close("attention", b.out, want, size, 1e-4);
        for (int h = 0; h < b.shape.H; h++) {
            const AttentionHead head = head_of(&b, exact, h, 0, b.shape.Q);
            tile_attention_head(&head, scores);
        }
        assert_close("attention beside float", b.out, exact, size, 5e-3);
        arena_free(b.arena);
    }
}

/* Alone and among others, whatever the rows before it left in the scratch. */
static void row_has_bits_of_its_own(void **state) {
    (void)state;
    for (int c = 0; c < 2; c++) {
        if (!bf16_can_multiply(KERNELS[c]))
            continue;
        Bench b = bench_create((Shape){150, 150, 40, 2});
        float *alone = arena_floats(b.arena, (size_t)b.C, 1);
        attend(&b, KERNELS[c], b.out, 0, b.shape.Q);
        for (int i = 0; i < b.shape.Q; i++) {
            attend(&b, KERNELS[c], alone, i, 1);
            assert_memory_equal(alone, b.out + (size_t)i * (size_t)b.C, (size_t)b.C * sizeof *alone);
        }
        arena_free(b.arena);
    }
}

/* Keys that only fill up the last panel have no weight: values of one give one. */
static void weights_sum_to_one(void **state) {
    (void)state;
    for (int c = 0; c < 2; c++) {
        if (!bf16_can_multiply(KERNELS[c]))
            continue;
        Bench b = bench_create((Shape){37, 37, 48, 1});
        for (int t = 0; t < b.shape.T; t++)
            for (int d = 0; d < b.C; d++) {
                b.qkv[t * 3 * b.C + b.C + d] -= 30; /* of large scores, both ways */
                b.qkv[t * 3 * b.C + 2 * b.C + d] = 1;
            }
        attend(&b, KERNELS[c], b.out, 0, b.shape.Q);
        for (int i = 0; i < b.shape.Q * b.C; i++)
            assert_true(fabsf(b.out[i] - 1) < 1e-6f);
        arena_free(b.arena);
    }
}

/* A NaN is never lost: in a query or a key it takes the rows that meet it, in a value its column. */
static void nan_stays(void **state) {
    (void)state;
    enum { T = 40, D = 64, BAD = 17 };
    for (int c = 0; c < 6; c++) {
        if (!bf16_can_multiply(KERNELS[c / 3]))
            continue;
        Bench b = bench_create((Shape){T, T, D, 1});
        const int part = c % 3;
        b.qkv[BAD * 3 * D + part * D + 5] = NAN;
        attend(&b, KERNELS[c / 3], b.out, 0, T);
        for (int t = 0; t < T; t++)
            for (int d = 0; d < D; d++)
                assert_int_equal(isnan(b.out[t * D + d]) != 0, part == 0 ? t == BAD : part == 1 || d == 5);
        arena_free(b.arena);
    }
}

int main(void) {
    if (bf16_best_kernel() == BF16_NONE)
        printf("not tested: this processor has neither AMX nor AVX-512 BF16\n");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_of_rounded_numbers),
        cmocka_unit_test(row_has_bits_of_its_own),
        cmocka_unit_test(weights_sum_to_one),
        cmocka_unit_test(nan_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
