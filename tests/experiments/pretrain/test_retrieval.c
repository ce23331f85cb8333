/* test_retrieval.c: ranks worked out by hand, ties among them, and the same in any number of threads. */
#include "experiments/pretrain/retrieval.h"

#include "clip/base/arena.h"
#include "clip/base/random.h"
#include "clip/math/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void ranks_are_those_of_the_scores(void **state) {
    (void)state;
    /* scores: query 0 {1, 0, 0.6}: rank 0; query 1 {1, 0, 0.6}: rank 2; query 2 {0.6, 0.8, 1}: rank 0 */
    const float items[] = {1, 0, 0, 1, 0.6F, 0.8F}, queries[] = {1, 0, 1, 0, 0.6F, 0.8F};
    Error err = {0};
    Ranks ranks;
    assert_int_equal(retrieval_ranks(&ranks, queries, items, 3, 2, NULL, &err), 0);
    assert_true(ranks.mean_rank > 5.0 / 3 - 1e-12 && ranks.mean_rank < 5.0 / 3 + 1e-12);
    assert_true(ranks.median_rank == 1);
    assert_true(ranks.recall[0] > 0.66 && ranks.recall[0] < 0.67 && ranks.recall[1] == 1);
}

static void equal_captions_come_in_their_order(void **state) {
    (void)state;
    const float items[] = {1, 0, 1, 0, 1, 0, 1, 0};
    Error err = {0};
    Ranks ranks;
    assert_int_equal(retrieval_ranks(&ranks, items, items, 4, 2, NULL, &err), 0);
    assert_true(ranks.mean_rank == 2.5 && ranks.recall[0] == 0.25);
    assert_true(ranks.median_rank == 2); /* floor(1.5) + 1, as numpy's median gives it */
}

static void threads_do_not_matter(void **state) {
    (void)state;
    enum { N = 150, E = 16 };
    Error err = {0};
    Rng rng;
    Ranks one, three;
    Arena *arena = arena_create();
    Pool *pool = pool_create(3);
    float *a = arena_floats(arena, N, E), *b = arena_floats(arena, N, E);
    rng_seed(&rng, (uint32_t[]){5}, 1);
    for (int i = 0; i < N * E; i++) {
        a[i] = (float)rng_normal(&rng);
        b[i] = a[i] + (float)rng_normal(&rng);
    }
    unit_rows_forward(a, NULL, a, N, E);
    unit_rows_forward(b, NULL, b, N, E);
    assert_int_equal(retrieval_ranks(&one, a, b, N, E, NULL, &err), 0);
    assert_int_equal(retrieval_ranks(&three, a, b, N, E, pool, &err), 0);
    assert_memory_equal(&one, &three, sizeof one);
    assert_true(one.recall[0] > 0.05 && one.recall[0] < 1 && one.mean_rank > 1);
    pool_free(pool);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ranks_are_those_of_the_scores),
                                       cmocka_unit_test(equal_captions_come_in_their_order),
                                       cmocka_unit_test(threads_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
