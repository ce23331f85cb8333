/* Convolutions whose weights change: against their definition, for each kind of weights, whatever the
 * threads. */
#include "clip/conv/trained_conv.h"

#include "tests/support/conv_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    ConvShape shape;
    int n, side;
} cases[] = {{{3, 20, 3, 2}, 3, 6},  {{5, 70, 3, 1}, 2, 5},   {{64, 40, 1, 1}, 9, 3},
             {{70, 33, 3, 1}, 4, 2}, {{130, 16, 1, 1}, 2, 7}, {{2, 3, 3, 1}, 1, 1}};
enum { N_CASES = sizeof cases / sizeof *cases, MOST = 16 };

typedef struct {
    float *x;
    size_t size; /* of an image */
    int calls[MOST];
} Hooked;

static void doubled(void *context, int image) {
    Hooked *h = context;
    for (size_t i = 0; i < h->size; i++)
        h->x[(size_t)image * h->size + i] *= 2;
    h->calls[image]++;
}

static void check(int index, int threads, Precision precision, bool plain) {
    Arena *arena = arena_create();
    Pool *pool = pool_create(threads);
    const ConvCase c = conv_case(cases[index].shape, cases[index].n, cases[index].side, arena);
    ConvRoom *room = conv_room_create(&c.shape, 1, precision, pool, arena);
    if (plain)
        conv_room_plain(room, arena);
    const double tolerance = precision == PRECISION_BFLOAT16 ? 6e-3 : 2e-6;
    float *out = arena_floats(arena, c.out_size, 1), *d_in = arena_floats(arena, c.in_size, 1);
    for (int pass = 0; pass < 2; pass++) { /* what is left from another call is not in the way */
        trained_conv_forward(room, out, c.in, c.w, c.shape, c.n, c.side, (ConvHooks){0});
        assert_close("out", out, c.out, c.out_size, tolerance);
        if (c.shape.stride > 1)
            continue;
        memcpy(d_in, c.start, c.in_size * sizeof *d_in);
        trained_conv_input(room, d_in, c.d_out, c.w, c.shape, c.n, c.side, true, (ConvHooks){0});
        assert_close("d_in", d_in, c.d_in, c.in_size, tolerance);
    }
    pool_free(pool);
    arena_free(arena);
}

static void test_kinds(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        check(i, 2, PRECISION_FLOAT32, false);
        check(i, 2, PRECISION_FLOAT32, true);
        check(i, 2, PRECISION_BFLOAT16, false); /* float where there is none */
    }
}

static void test_threads(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        Arena *arena = arena_create();
        const ConvCase c = conv_case(cases[i].shape, cases[i].n, cases[i].side, arena);
        float *want = arena_floats(arena, c.out_size, 1), *out = arena_floats(arena, c.out_size, 1);
        for (int threads = 1; threads <= 7; threads += 2) {
            Pool *pool = pool_create(threads);
            ConvRoom *room = conv_room_create(&c.shape, 1, PRECISION_FLOAT32, pool, arena);
            trained_conv_forward(room, threads == 1 ? want : out, c.in, c.w, c.shape, c.n, c.side,
                                 (ConvHooks){0});
            if (threads > 1)
                assert_memory_equal(out, want, c.out_size * sizeof *out);
            pool_free(pool);
        }
        arena_free(arena);
    }
}

/* Each image once, before and after. */
static void test_hooks(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    ConvCase c = conv_case((ConvShape){5, 7, 1, 1}, 10, 3, arena);
    ConvRoom *room = conv_room_create(&c.shape, 1, PRECISION_FLOAT32, pool, arena);
    float *out = arena_floats(arena, c.out_size, 1);
    Hooked in = {.x = c.in, .size = c.in_size / 10};
    trained_conv_forward(room, out, c.in, c.w, c.shape, c.n, c.side, (ConvHooks){doubled, NULL, &in});
    Hooked result = {.x = out, .size = c.out_size / 10};
    for (size_t i = 0; i < c.in_size; i++)
        c.in[i] /= 2;
    for (size_t i = 0; i < c.out_size; i++)
        c.out[i] *= 2;
    assert_close("twice the input", out, c.out, c.out_size, 2e-6);
    trained_conv_forward(room, out, c.in, c.w, c.shape, c.n, c.side, (ConvHooks){NULL, doubled, &result});
    assert_close("twice the output", out, c.out, c.out_size, 2e-6);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(in.calls[i], 1);
        assert_int_equal(result.calls[i], 1);
    }
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_hooks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
