/* The gradient of a convolution's weights: against its definition, for each kind of vectors; the same bits
 * for any number of threads. */
#include "clip/conv/conv_gradient.h"

#include "tests/support/conv_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* Borders; chunks of several images, of one, and of some rows, the last of them shorter; blocks, groups and
 * panels that are cut; several parts and one. */
static const struct {
    ConvShape shape;
    int n, side;
} cases[] = {{{3, 20, 3, 2}, 3, 34},    {{5, 31, 3, 1}, 2, 20},  {{64, 100, 1, 1}, 9, 20},
             {{70, 33, 3, 1}, 40, 2},   {{130, 16, 1, 1}, 5, 7}, {{2, 3, 3, 1}, 1, 1},
             {{16, 6, 1, 1}, 1, 300},   {{9, 2, 3, 1}, 1, 260},  {{200, 97, 3, 1}, 3, 3},
             {{600, 1800, 1, 1}, 1, 2}, {{40, 300, 3, 1}, 12, 7}};
enum { N_CASES = sizeof cases / sizeof *cases };

typedef struct {
    const char *name;
    int floats;        /* of a vector */
    Bf16Kernel kernel; /* or this */
} Kind;

static const Kind KINDS[] = {{"AVX-512", 16, BF16_NONE},
                             {"AVX2", 8, BF16_NONE},
                             {"plain", 1, BF16_NONE},
                             {"AVX-512 BF16", 16, BF16_AVX512},
                             {"AMX", 16, BF16_AMX}};
enum { N_KINDS = sizeof KINDS / sizeof *KINDS };

static void round_all(float *x, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, x + i, sizeof bits);
        bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
        memcpy(x + i, &bits, sizeof bits);
    }
}

/* Of the rounded factors; but a convolution with stride 2 is in float. */
static void expect_rounded(ConvCase *c, Arena *arena) {
    if (c->shape.stride == 2)
        return;
    double *sums = ARENA_NEW(arena, double, c->w_size);
    float *in = arena_floats(arena, c->in_size, 1), *d_out = arena_floats(arena, c->out_size, 1);
    memcpy(in, c->in, c->in_size * sizeof *in);
    memcpy(d_out, c->d_out, c->out_size * sizeof *d_out);
    round_all(in, c->in_size);
    round_all(d_out, c->out_size);
    naive_conv_weight(sums, d_out, in, c->shape, c->n, c->side);
    for (size_t i = 0; i < c->w_size; i++)
        c->d_w[i] = (float)sums[i];
}

static bool choose(ConvGradient *room, const Kind *kind) {
    return kind->kernel ? conv_gradient_halves(room, kind->kernel)
                        : conv_gradient_vectors(room, kind->floats);
}

static void check(int index, const Kind *kind) {
    Arena *arena = arena_create();
    ConvCase c = conv_case(cases[index].shape, cases[index].n, cases[index].side, arena);
    float *d_w = arena_floats(arena, c.w_size, 1), *want = arena_floats(arena, c.w_size, 1);
    if (kind->kernel)
        expect_rounded(&c, arena);
    for (int threads = 1; threads <= 7; threads++) {
        Pool *pool = pool_create(threads);
        ConvGradient *room = conv_gradient_create(
            &c.shape, &c.side, 1, c.n, kind->kernel ? PRECISION_BFLOAT16 : PRECISION_FLOAT32, pool, arena);
        assert_false(arena_failed(arena));
        if (choose(room, kind)) {
            memset(d_w, 0, c.w_size * sizeof *d_w);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, c.n, c.side);
            if (threads == 1) {
                assert_close(kind->name, d_w, c.d_w, c.w_size, 2e-6);
                memcpy(want, d_w, c.w_size * sizeof *d_w);
            }
            assert_memory_equal(d_w, want, c.w_size * sizeof *d_w);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, c.n, c.side); /* is added */
            for (size_t i = 0; i < c.w_size; i++)
                d_w[i] /= 2;
            assert_close("twice d_w", d_w, c.d_w, c.w_size, 2e-6);
        } else if (threads == 1 && index == 0)
            printf("not tested: this processor has no %s\n", kind->name);
        pool_free(pool);
        if (c.w_size > 100000)
            break;
    }
    arena_free(arena);
}

static void test_definition(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++)
        for (int k = 0; k < N_KINDS; k++)
            check(i, &KINDS[k]);
}

/* A room for the largest batch serves smaller ones, and other shapes. */
static void check_room(Precision precision) {
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    const ConvShape shapes[] = {{20, 30, 1, 1}, {4, 50, 3, 1}};
    const int sides[] = {7, 40};
    ConvGradient *room = conv_gradient_create(shapes, sides, 2, 9, precision, pool, arena);
    for (int s = 0; s < 2; s++)
        for (int n = 1; n <= 9; n += 4) {
            ConvCase c = conv_case(shapes[s], n, sides[s], arena);
            if (precision_here(precision) == PRECISION_BFLOAT16)
                expect_rounded(&c, arena);
            float *d_w = arena_floats(arena, c.w_size, 1);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, n, c.side);
            assert_close("d_w", d_w, c.d_w, c.w_size, 2e-6);
        }
    pool_free(pool);
    arena_free(arena);
}

static void test_room(void **state) {
    (void)state;
    check_room(PRECISION_FLOAT32);
    check_room(PRECISION_BFLOAT16);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
