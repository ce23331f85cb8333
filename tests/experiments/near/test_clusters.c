/* test_clusters.c: centres that are learned are those that are there; without FAISS it says how to get it. */
#include "experiments/near/clusters.h"

#include "tests/experiments/near/near_support.h"

#include "tests/support/scratch.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { E = SUPPORT_E, N = 6000, K = 50 };

static float *make_vectors(void) {
    float *vectors = calloc((size_t)N * E, sizeof *vectors);
    for (uint32_t i = 0; i < N; i++)
        near_support_feature(vectors + (size_t)i * E, i);
    return vectors;
}

static void without_it_says_how_to_get_it(void **state) {
    (void)state;
    Error err = {0};
    float one = 1;
    if (clusters_known())
        skip();
    assert_int_equal(clusters_learn(&one, 1, &one, 1, 1, NULL, &err), -1);
    assert_int_equal(err.kind, ERROR_USAGE);
    assert_non_null(strstr(err.text, "built without FAISS; make deps all FAISS=1"));
}

/* Each centre is of unit length, and the same to the bit with one thread and with three. */
static void the_same_with_any_threads(void **state) {
    (void)state;
    near_support_need();
    float *vectors = make_vectors(), *centres = calloc(2 * K * E, sizeof *centres);
    for (int t = 0; t < 2; t++) {
        Error err = {0};
        Pool *pool = pool_create(t ? 3 : 1);
        assert_int_equal(clusters_learn(centres + t * K * E, K, vectors, N, E, pool, &err), 0);
        pool_free(pool);
    }
    assert_memory_equal(centres, centres + K * E, K * E * sizeof *centres);
    for (int k = 0; k < K; k++) {
        double sum = 0;
        for (int e = 0; e < E; e++)
            sum += (double)centres[k * E + e] * (double)centres[k * E + e];
        assert_true(fabs(sum - 1) < 1e-5);
    }
    free(centres);
    free(vectors);
}

static int stop(void *context, Error *err) {
    (void)context;
    return error_run(err, "stopped here");
}

/* What FAISS throws is an error: at a number that is none, and where the pool is stopped. */
static void what_is_thrown_is_an_error(void **state) {
    (void)state;
    near_support_need();
    float *vectors = make_vectors(), centres[K * E];
    Error err = {0};
    Pool *pool = pool_create(2);
    pool_set_stop(pool, stop, NULL);
    assert_int_equal(clusters_learn(centres, K, vectors, N, E, pool, &err), -1);
    assert_string_equal(err.text, "stopped here");
    pool_free(pool);
    vectors[77] = NAN;
    assert_int_equal(clusters_learn(centres, K, vectors, N, E, NULL, &err), -1);
    assert_non_null(strstr(err.text, "FAISS: "));
    free(vectors);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_it_says_how_to_get_it),
        cmocka_unit_test(the_same_with_any_threads),
        cmocka_unit_test(what_is_thrown_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
