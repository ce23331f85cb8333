/* The gradient of a convolution's weights: against its definition, for each kind of vectors; the same bits
 * for any number of threads. */
#include "clip/math/conv_gradient.h"

#include "tests/support/conv_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Borders; chunks of several images, of one, and of some rows, the last of them shorter; blocks, groups and
 * panels that are cut; several parts and one. */
static const struct {
    ConvShape shape;
    int n, side;
} cases[] = {{{3, 20, 3, 2}, 3, 34},   {{5, 31, 3, 1}, 2, 20},  {{64, 100, 1, 1}, 9, 20},
             {{70, 33, 3, 1}, 40, 2},  {{130, 16, 1, 1}, 5, 7}, {{2, 3, 3, 1}, 1, 1},
             {{16, 6, 1, 1}, 1, 300},  {{9, 2, 3, 1}, 1, 260},  {{200, 97, 3, 1}, 3, 3},
             {{600, 1800, 1, 1}, 1, 2}};
enum { N_CASES = sizeof cases / sizeof *cases };

static void check(int index, int floats) {
    Arena *arena = arena_create();
    const ConvCase c = conv_case(cases[index].shape, cases[index].n, cases[index].side, arena);
    float *d_w = arena_floats(arena, c.w_size, 1), *want = arena_floats(arena, c.w_size, 1);
    for (int threads = 1; threads <= 7; threads++) {
        Pool *pool = pool_create(threads);
        ConvGradient *room = conv_gradient_create(&c.shape, &c.side, 1, c.n, pool, arena);
        assert_false(arena_failed(arena));
        if (conv_gradient_vectors(room, floats)) {
            memset(d_w, 0, c.w_size * sizeof *d_w);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, c.n, c.side);
            if (threads == 1) {
                assert_close("d_w", d_w, c.d_w, c.w_size, 2e-6);
                memcpy(want, d_w, c.w_size * sizeof *d_w);
            }
            assert_memory_equal(d_w, want, c.w_size * sizeof *d_w);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, c.n, c.side); /* is added */
            for (size_t i = 0; i < c.w_size; i++)
                d_w[i] /= 2;
            assert_close("twice d_w", d_w, c.d_w, c.w_size, 2e-6);
        }
        pool_free(pool);
        if (c.w_size > 100000)
            break;
    }
    arena_free(arena);
}

static void test_definition(void **state) {
    (void)state;
    for (int i = 0; i < N_CASES; i++) {
        check(i, 16);
        check(i, 8);
        check(i, 1);
    }
}

/* A room for the largest batch serves smaller ones, and other shapes. */
static void test_room(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Pool *pool = pool_create(2);
    const ConvShape shapes[] = {{20, 30, 1, 1}, {4, 50, 3, 1}};
    const int sides[] = {7, 40};
    ConvGradient *room = conv_gradient_create(shapes, sides, 2, 9, pool, arena);
    for (int s = 0; s < 2; s++)
        for (int n = 1; n <= 9; n += 4) {
            const ConvCase c = conv_case(shapes[s], n, sides[s], arena);
            float *d_w = arena_floats(arena, c.w_size, 1);
            conv_gradient(room, d_w, c.d_out, c.in, c.shape, n, c.side);
            assert_close("d_w", d_w, c.d_w, c.w_size, 2e-6);
        }
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),
        cmocka_unit_test(test_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
