/* packed_support.c: see packed_support.h. */
#include "tests/support/packed_support.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

void check_bits_of_rows(const PackedMatrix *packed) {
    enum { ROWS = 230 };
    const size_t k = (size_t)packed->k, n = (size_t)packed->n;
    Arena *arena = arena_create();
    float *in = arena_floats(arena, ROWS, k), *bias = arena_floats(arena, n, 1);
    float *all = arena_floats(arena, ROWS, n), *some = arena_floats(arena, ROWS, n);
    fill_normal(in, ROWS * k, 1, 1);
    fill_normal(bias, n, 1, 3);
    Pool *pool = pool_create(1);
    packed_product(pool, all, in, packed, bias, NULL, ROWS);
    pool_free(pool);
    for (int threads = 1; threads <= 5; threads += 2) {
        pool = pool_create(threads);
        for (int first = 0; first < ROWS; first += 37)
            for (int rows = 1; rows <= ROWS - first; rows = rows * 3 + 1) {
                packed_product(pool, some, in + (size_t)first * k, packed, bias, NULL, rows);
                assert_memory_equal(some, all + (size_t)first * n, (size_t)rows * n * sizeof *some);
            }
        pool_free(pool);
    }
    arena_free(arena);
}
