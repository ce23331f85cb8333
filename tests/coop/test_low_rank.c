/* test_low_rank.c: low-rank matrices against plain loops, gradients against central differences, masks, and
 * the merged weights. */
#include "coop/low_rank.h"

#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { C = 10, R = 150, Q = 7, LAYER = 2 }; /* R: several tiles of rows */

/* The last block, whose queries are fewer and lie elsewhere. */
typedef struct {
    Arena *arena;
    Pool *pool;
    LowRank *low_rank;
    size_t count;
    float h[R * C], h_q[Q * C], q[Q * C], kv[R * 2 * C];
    float weight_q[Q * C], weight_kv[R * 2 * C]; /* of the loss, sum weight out */
    float d_h[R * C], d_h_q[Q * C];
} Bench;

static Bench *bench_open(LowRankConfig config, int threads) {
    Arena *arena = arena_create();
    Bench *b = ARENA_NEW(arena, Bench, 1);
    Error err = {0};
    *b = (Bench){.arena = arena, .pool = pool_create(threads)};
    b->low_rank = low_rank_create(&config, C, R, b->pool, arena, &err);
    assert_non_null(b->low_rank);
    b->count = low_rank_count(&config, C);
    b->low_rank->values = arena_floats(arena, b->count, 1);
    b->low_rank->gradients = arena_floats(arena, b->count, 1);
    b->low_rank->dropping = true;
    b->low_rank->key = low_rank_key(3, 1, true);
    fill_normal(b->low_rank->values, b->count, 1, 1);
    fill_normal(b->h, R * C, 1, 2);
    fill_normal(b->h_q, Q * C, 1, 3);
    fill_normal(b->weight_q, Q * C, 1, 4);
    fill_normal(b->weight_kv, R * 2 * C, 1, 5);
    return b;
}

static void bench_close(Bench *b) {
    pool_free(b->pool);
    arena_free(b->arena);
}

static QkvRows rows_of(Bench *b, float *q, float *kv) {
    return (QkvRows){.layer = LAYER,
                     .width = C,
                     .n_queries = Q,
                     .n_rows = R,
                     .h_q = b->h_q,
                     .h = b->h,
                     .q = q,
                     .kv = kv,
                     .q_stride = C,
                     .kv_stride = 2 * C,
                     .d_h_q = b->d_h_q,
                     .d_h = b->d_h};
}

static void forward(Bench *b) {
    memset(b->q, 0, sizeof b->q);
    memset(b->kv, 0, sizeof b->kv);
    const QkvRows rows = rows_of(b, b->q, b->kv);
    b->low_rank->additions.forward(b->low_rank->additions.context, &rows);
}

static double loss(Bench *b) {
    double sum = 0;
    forward(b);
    for (int i = 0; i < Q * C; i++)
        sum += (double)b->q[i] * (double)b->weight_q[i];
    for (int i = 0; i < R * 2 * C; i++)
        sum += (double)b->kv[i] * (double)b->weight_kv[i];
    return sum;
}

static void backward(Bench *b) {
    memset(b->d_h, 0, sizeof b->d_h);
    memset(b->d_h_q, 0, sizeof b->d_h_q);
    memset(b->low_rank->gradients, 0, b->count * sizeof(float));
    const QkvRows rows = rows_of(b, b->weight_q, b->weight_kv);
    b->low_rank->additions.backward(b->low_rank->additions.context, &rows);
}

static const LowRankConfig both = {
    .rank = 3, .alpha = 2, .dropout = 0.25, .q = true, .k = true, .v = true, .first = 1, .end = 4};

/* Without dropout it is what W + s B A adds, for the projections that are trained. */
static void test_merged(void **state) {
    (void)state;
    for (int root = 0; root < 2; root++) {
        LowRankConfig config = both;
        config.by_root = root;
        config.k = false;
        Bench *b = bench_open(config, 2);
        b->low_rank->dropping = false;
        forward(b);
        for (int which = 0; which < 3; which++) {
            float *A, *B, w[C * C] = {0}, want[R * C], got[R * C];
            const int n = which == 0 ? Q : R;
            const float *h = which == 0 ? b->h_q : b->h;
            assert_int_equal(low_rank_matrices(b->low_rank, LAYER, which, &A, &B), which != 1);
            if (which != 1)
                low_rank_merge(w, A, B, C, 3, root ? 2 / sqrt(3) : 2.0 / 3);
            for (int i = 0; i < n; i++)
                for (int c = 0; c < C; c++) {
                    double sum = 0;
                    for (int j = 0; j < C; j++)
                        sum += (double)h[i * C + j] * (double)w[c * C + j];
                    want[i * C + c] = (float)sum;
                    got[i * C + c] =
                        which == 0 ? b->q[i * C + c] : b->kv[i * 2 * C + (which == 2 ? C : 0) + c];
                }
            if (which != 1)
                assert_close("addition", got, want, (size_t)n * C, 1e-6);
            else
                assert_memory_equal(got, want, (size_t)n * C * sizeof(float));
        }
        bench_close(b);
    }
}

static void check_direction(Bench *b, float *x, const float *gradient, size_t n) {
    enum { MOST = R * C };
    float start[MOST], direction[MOST];
    double slope = 0;
    assert_true(n <= MOST);
    memcpy(start, x, n * sizeof *x);
    fill_normal(direction, n, 1, 9);
    for (size_t i = 0; i < n; i++)
        slope += (double)direction[i] * (double)gradient[i];
    double side[2];
    const float step = 1e-2f;
    for (int s = 0; s < 2; s++) {
        for (size_t i = 0; i < n; i++)
            x[i] = start[i] + (s ? step : -step) * direction[i];
        side[s] = loss(b);
    }
    memcpy(x, start, n * sizeof *x);
    assert_true(fabs(slope) > 1e-3);
    assert_true(fabs((side[1] - side[0]) / (2 * (double)step) - slope) < 2e-3 * fabs(slope) + 1e-3);
}

/* With the masks of a step, and without. */
static void test_differences(void **state) {
    (void)state;
    for (int dropping = 0; dropping < 2; dropping++) {
        Bench *b = bench_open(both, 2);
        b->low_rank->dropping = dropping;
        backward(b);
        check_direction(b, b->low_rank->values, b->low_rank->gradients, b->count);
        check_direction(b, b->h, b->d_h, R * C);
        check_direction(b, b->h_q, b->d_h_q, Q * C);
        bench_close(b);
    }
}

/* What of h reached k: with A and B of ones, out = s / (1 - p) times the sum of what was kept. */
static double kept_share(Bench *b, int which) {
    double kept = 0;
    for (size_t i = 0; i < b->count; i++)
        b->low_rank->values[i] = 1;
    for (int i = 0; i < R * C; i++)
        b->h[i] = 1;
    forward(b);
    for (int i = 0; i < R; i++)
        kept += (double)b->kv[i * 2 * C + (which == 2 ? C : 0)];
    return kept * (1 - b->low_rank->config.dropout) / (low_rank_scale(&b->low_rank->config) * 3 * R * C);
}

static void test_masks(void **state) {
    (void)state;
    Bench *b = bench_open(both, 2);
    float first[R * 2 * C];
    assert_true(fabs(kept_share(b, 1) - 0.75) < 0.05 && fabs(kept_share(b, 2) - 0.75) < 0.05);
    memcpy(first, b->kv, sizeof first);
    forward(b); /* the same step: the same masks, however often */
    assert_memory_equal(b->kv, first, sizeof first);
    int same_kv = 0, same_step = 0;
    for (int i = 0; i < R; i++)
        same_kv += first[i * 2 * C] == first[i * 2 * C + C];
    b->low_rank->key = low_rank_key(3, 2, true);
    forward(b);
    for (int i = 0; i < R; i++)
        same_step += first[i * 2 * C] == b->kv[i * 2 * C];
    assert_true(same_kv < R / 2 && same_step < R / 2);
    assert_true(low_rank_key(3, 2, true) != low_rank_key(3, 2, false));
    assert_true(low_rank_key(3, 2, true) != low_rank_key(2, 3, true));
    bench_close(b);
}

static void test_threads(void **state) {
    (void)state;
    Bench *one = bench_open(both, 1), *three = bench_open(both, 3);
    forward(one), forward(three);
    backward(one), backward(three);
    assert_memory_equal(one->kv, three->kv, sizeof one->kv);
    assert_memory_equal(one->d_h, three->d_h, sizeof one->d_h);
    assert_memory_equal(one->low_rank->gradients, three->low_rank->gradients, one->count * sizeof(float));
    bench_close(one);
    bench_close(three);
}

/* A uniform within 1/sqrt(C), B zero: at the start nothing is added. */
static void test_start(void **state) {
    (void)state;
    Bench *b = bench_open(both, 1);
    Rng rng;
    rng_torch_seed(&rng, 1);
    low_rank_draw(b->low_rank, &rng);
    double largest = 0;
    for (size_t i = 0; i < b->count; i++)
        largest = fmax(largest, fabs((double)b->low_rank->values[i]));
    assert_true(largest > 0.9 / sqrt(C) && largest <= 1 / sqrt(C) + 1e-7);
    assert_true(loss(b) == 0);
    assert_false(low_rank_matrices(b->low_rank, 0, 0, NULL, NULL));
    assert_false(low_rank_matrices(b->low_rank, 4, 0, NULL, NULL));
    bench_close(b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_merged),  cmocka_unit_test(test_differences), cmocka_unit_test(test_masks),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
