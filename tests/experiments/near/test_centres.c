/* test_centres.c: the nearest centres against a count of those that are nearer. */
#include "experiments/near/centres.h"

#include "tests/experiments/near/near_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { E = SUPPORT_E, N = 700, K = 333 };

typedef struct {
    float *vectors, *centres; /* (N, E), (K, E) */
} Given;

static Given make(void) {
    Given given = {calloc((size_t)N * E, sizeof(float)), calloc((size_t)K * E, sizeof(float))};
    for (uint32_t i = 0; i < N; i++)
        near_support_feature(given.vectors + (size_t)i * E, i);
    for (uint32_t k = 0; k < K; k++)
        near_support_feature(given.centres + (size_t)k * E, 5000 + k);
    return given;
}

/* How many centres are nearer to vector i than centre k, by more than floats may be off. */
static int nearer(const Given *given, int i, int k) {
    double own = 0;
    int n = 0;
    for (int e = 0; e < E; e++)
        own += (double)given->vectors[i * E + e] * (double)given->centres[k * E + e];
    for (int other = 0; other < K; other++) {
        double sum = 0;
        for (int e = 0; e < E; e++)
            sum += (double)given->vectors[i * E + e] * (double)given->centres[other * E + e];
        n += sum > own + 1e-6;
    }
    return n;
}

static void of_many_vectors(void **state) {
    (void)state;
    Given given = make();
    int64_t nearest[2][N];
    float scores[2][N];
    for (int t = 0; t < 2; t++) {
        Error err = {0};
        Pool *pool = pool_create(t ? 3 : 1);
        assert_int_equal(
            centres_nearest(nearest[t], scores[t], given.vectors, N, given.centres, K, E, pool, &err), 0);
        pool_free(pool);
    }
    assert_memory_equal(nearest[0], nearest[1], sizeof nearest[0]);
    assert_memory_equal(scores[0], scores[1], sizeof scores[0]);
    for (int i = 0; i < N; i++)
        assert_int_equal(nearer(&given, i, (int)nearest[0][i]), 0);
    free(given.vectors);
    free(given.centres);
}

static void of_one_vector(void **state) {
    (void)state;
    Given given = make();
    int nearest[K];
    bool seen[K] = {0};
    Error err = {0};
    assert_int_equal(centres_of(nearest, K, given.vectors, given.centres, K, E, &err), 0);
    for (int r = 0; r < K; r++) {
        assert_true(nearer(&given, 0, nearest[r]) <= r);
        assert_false(seen[nearest[r]]);
        seen[nearest[r]] = true;
    }
    free(given.vectors);
    free(given.centres);
}

static int stop(void *context, Error *err) {
    (void)context;
    return error_run(err, "stopped here");
}

/* A vector that is no number has some centre; work that is stopped is an error. */
static void no_numbers_and_stopped(void **state) {
    (void)state;
    Given given = make();
    int64_t nearest[N];
    float scores[N];
    Error err = {0};
    for (int e = 0; e < E; e++)
        given.vectors[E + e] = NAN;
    assert_int_equal(centres_nearest(nearest, scores, given.vectors, N, given.centres, K, E, NULL, &err), 0);
    assert_int_equal(nearest[1], 0);
    Pool *pool = pool_create(2);
    pool_set_stop(pool, stop, NULL);
    assert_int_equal(centres_nearest(nearest, scores, given.vectors, N, given.centres, K, E, pool, &err), -1);
    assert_string_equal(err.text, "stopped here");
    pool_free(pool);
    free(given.vectors);
    free(given.centres);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_many_vectors),
        cmocka_unit_test(of_one_vector),
        cmocka_unit_test(no_numbers_and_stopped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
