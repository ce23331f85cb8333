/* test_row_product.c: the product, and that a row does not depend on its neighbours, packed or not. */
#include "coop/learned/row_product.h"

#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { ROWS = 37, N_IN = 130, N_OUT = 71 };

static void check(const PackedMatrix *matrix, const float *w, Pool *pool) {
    float in[ROWS * N_IN], out[ROWS * N_OUT], row[N_OUT], expected[ROWS * N_OUT];
    fill_normal(in, ROWS * N_IN, 1, 2);
    for (int i = 0; i < ROWS; i++)
        for (int k = 0; k < N_OUT; k++) {
            double sum = 0;
            for (int e = 0; e < N_IN; e++)
                sum += (double)in[i * N_IN + e] * w[k * N_IN + e];
            expected[i * N_OUT + k] = (float)sum;
        }
    row_product(pool, out, in, matrix, ROWS);
    assert_close("product", out, expected, ROWS * N_OUT, 1e-6);
    for (int i = 0; i < ROWS; i++) {
        row_product(i % 2 ? pool : NULL, row, in + i * N_IN, matrix, 1);
        assert_memory_equal(row, out + i * N_OUT, sizeof row);
    }
}

static void test_rows(void **state) {
    (void)state;
    float w[N_OUT * N_IN];
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    PackedMatrix packed, plain;
    fill_normal(w, N_OUT * N_IN, 1, 1);
    row_product_create(&packed, w, N_IN, N_OUT, arena);
    assert_false(arena_failed(arena));
    check(&packed, w, pool);
    packed_borrow(&plain, w, N_IN, N_OUT, true);
    assert_int_equal(plain.panel, 0);
    check(&plain, w, pool);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
