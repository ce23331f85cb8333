/* test_amx_tiles.c: how well products of the towers' shapes fill the tiles of AMX, counted, as no clock can
 * tell on a processor without it.
 *
 * A product of two full tiles is 16 x 16 x 32 multiply-adds and takes 16 cycles, a load 8, beside it (Intel
 * 64 and IA-32 Architectures Optimization Reference Manual, chapter on AMX). So while there are no more loads
 * than products, what the products waste is all that these loops waste of the unit.
 */
#include "tests/clip/math/amx_in_c.h"

#include "clip/math/packed.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define LEAST_USE 0.85

typedef struct {
    const char *of;
    int rows, k, n;
} Shape;

static const Shape SHAPES[] = {{"segment of prompts", 430, 512, 512},
                               {"full segment of prompts", 512, 512, 512},
                               {"tile of ViT-B/32", 400, 768, 768},
                               {"tile of ViT-B/16", 394, 768, 768},
                               {"tile of ViT-L/14", 257, 1024, 1024}};

static void tiles_are_full(void **state) {
    (void)state;
    if (!bf16_can_multiply(BF16_AMX)) {
        printf("not tested: this processor has no AVX-512 BF16\n");
        skip();
    }
    const size_t n_shapes = scratch_instrumented() ? 1 : sizeof SHAPES / sizeof *SHAPES;
    for (int threads = 1; threads <= 2; threads++)
        for (size_t i = 0; i < n_shapes; i++) {
            const Shape s = SHAPES[i];
            Arena *arena = arena_create();
            Pool *pool = pool_create(threads);
            float *in = arena_floats(arena, (size_t)s.rows, (size_t)s.k),
                  *w = arena_floats(arena, (size_t)s.n, (size_t)s.k),
                  *out = arena_floats(arena, (size_t)s.rows, (size_t)s.n);
            PackedMatrix packed;
            packed_create_bf16(&packed, BF16_AMX, w, s.k, s.n, true, arena);
            const long loads = amx_loads, products = amx_products;
            packed_product(pool, out, in, &packed, NULL, NULL, s.rows);
            const double made = (double)(amx_products - products), loaded = (double)(amx_loads - loads);
            const double use = (double)s.rows * s.k * s.n / (16.0 * 16 * 32 * made);
            printf("%s, %d thread%s: %.0f %% of the tiles' numbers are used, %.2f loads for a product\n",
                   s.of, threads, threads > 1 ? "s" : "", 100 * use, loaded / made);
            assert_true(use > LEAST_USE && use <= 1);
            assert_true(loaded > 0 && loaded <= 1.1 * made);
            pool_free(pool);
            arena_free(arena);
        }
}

#else

static void tiles_are_full(void **state) {
    (void)state;
    printf("not tested: no AMX can be here\n");
    skip();
}

#endif

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tiles_are_full)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
