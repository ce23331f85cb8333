/* Linear layers and attention of an image tower, against sums written out in double. */
#include "clip/math/tile_ops.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static float *normal(Arena *arena, size_t n, uint32_t seed) {
    float *x = arena_floats(arena, n, 1);
    fill_normal(x, n, 1, seed);
    return x;
}

/* Tiles hold all images in order, at most so many each; and workers, who begin with as many adjacent tiles
 * each, have shares that differ by one image at most. */
static void tiles_are_even(void **state) {
    (void)state;
    for (int workers = 1; workers <= 5; workers++)
        for (int most = 1; most <= 9; most++)
            for (int n = 1; n <= 70; n++) {
                const int tiles = tile_count(n, most, workers);
                assert_in_range(tiles, 1, n);
                assert_int_equal(tile_first(n, tiles, 0), 0);
                assert_int_equal(tile_first(n, tiles, tiles), n);
                for (int t = 0; t < tiles; t++)
                    assert_in_range(tile_first(n, tiles, t + 1) - tile_first(n, tiles, t), 1, most);
                if (tiles % workers != 0)
                    assert_int_equal(tiles, n); /* an image each */
                for (int w = 0; w < workers && tiles % workers == 0; w++) {
                    const int share = tile_first(n, tiles, (w + 1) * (tiles / workers)) -
                                      tile_first(n, tiles, w * (tiles / workers));
                    assert_in_range(share, n / workers, (n + workers - 1) / workers);
                }
            }
}

/* One row and several, one block of columns and several, whole and not. */
static void linear_is_the_sum(void **state) {
    (void)state;
    const int sizes[][3] = {{1, 3, 5}, {7, 33, 40}, {5, 20, 1100}, {1, 70, 513}, {17, 64, 384}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int rows = sizes[s][0], n_in = sizes[s][1], n_out = sizes[s][2];
        const size_t size = (size_t)rows * (size_t)n_out;
        Arena *arena = arena_create();
        float *in = normal(arena, (size_t)rows * (size_t)n_in, 1),
              *w = normal(arena, (size_t)n_out * (size_t)n_in, 2);
        float *got = normal(arena, size, 4), *alone = normal(arena, size, 4),
              *want = arena_floats(arena, size, 1);
        Pool *pool = pool_create(3);
        for (size_t i = 0; i < size; i++) {
            double sum = 0;
            for (size_t j = 0; j < (size_t)n_in; j++)
                sum += (double)in[i / (size_t)n_out * (size_t)n_in + j] *
                       w[i % (size_t)n_out * (size_t)n_in + j];
            want[i] = (float)sum;
        }
        tile_linear_forward(pool, got, in, w, rows, n_in, n_out);
        tile_linear_forward(NULL, alone, in, w, rows, n_in, n_out);
        assert_close("linear", got, want, size, 1e-6);
        assert_memory_equal(alone, got, size * sizeof *got);
        pool_free(pool);
        arena_free(arena);
    }
}

/* out (Q, C) by its definition; qkv (T, 3C) */
static void naive_attention(float *out, const float *qkv, int Q, int T, int C, int H) {
    const int D = C / H;
    double p[64];
    for (int h = 0; h < H; h++) {
        for (int t = 0; t < Q; t++) {
            double total = 0;
            for (int u = 0; u < T; u++) {
                double score = 0;
                for (int d = 0; d < D; d++)
                    score += (double)qkv[t * 3 * C + h * D + d] * qkv[u * 3 * C + C + h * D + d];
                p[u] = exp(score / sqrt(D));
                total += p[u];
            }
            for (int d = 0; d < D; d++) {
                double sum = 0;
                for (int u = 0; u < T; u++)
                    sum += p[u] / total * qkv[u * 3 * C + 2 * C + h * D + d];
                out[t * C + h * D + d] = (float)sum;
            }
        }
    }
}

static void attention_is_its_definition(void **state) {
    (void)state;
    const int sizes[][4] = {{1, 1, 64, 1}, {5, 5, 128, 2}, {1, 17, 192, 3}, {50, 50, 64, 1}, {7, 19, 24, 4}};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        const int Q = sizes[s][0], T = sizes[s][1], C = sizes[s][2], H = sizes[s][3];
        Arena *arena = arena_create();
        float *qkv = normal(arena, (size_t)T * 3 * C, 9), *scores = arena_floats(arena, (size_t)Q, (size_t)T);
        float *got = arena_floats(arena, (size_t)Q, (size_t)C),
              *want = arena_floats(arena, (size_t)Q, (size_t)C);
        for (int h = 0; h < H; h++) {
            const float *q = qkv + h * (C / H);
            const AttentionHead head = {got + h * (C / H), q, q + C, q + 2 * C, C, 3 * C, 3 * C, Q, T, C / H};
            tile_attention_head(&head, scores);
        }
        naive_attention(want, qkv, Q, T, C, H);
        assert_close("attention", got, want, (size_t)Q * C, 2e-6);
        arena_free(arena);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tiles_are_even),
        cmocka_unit_test(linear_is_the_sum),
        cmocka_unit_test(attention_is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
