/* test_parallel.c: whether ranks share points or classes, and why. */
#include "experiments/stage/parallel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define GIB ((size_t)1 << 30)

/* Of a training of 100 steps that `most` ranks can share. */
static ParallelPoint training(double flops, int most, size_t n_memory) {
    return (ParallelPoint){.flops = 100 * flops,
                           .split = {.most = most, .flops = flops, .n_memory = n_memory}};
}

static void expect(const ParallelPoint *points, int n, int n_ranks, Parallel wanted, bool by_classes,
                   const char *reason) {
    const ParallelChoice choice = parallel_of(points, n, n_ranks, wanted, GIB);
    assert_int_equal(choice.by_classes, by_classes);
    assert_int_equal(choice.n_points, n);
    assert_string_equal(choice.reason, reason);
}

static void test_choice(void **state) {
    (void)state;
    ParallelPoint points[8];
    for (int i = 0; i < 8; i++)
        points[i] = training(1e12, 100, GIB / 2);
    expect(points, 1, 4, PARALLEL_AUTO, true,
           "auto: 1 point for 4 ranks; reckoned, cut by classes they take 0.25 times as long as whole ones");
    expect(points, 3, 4, PARALLEL_AUTO, true,
           "auto: 3 points for 4 ranks; reckoned, cut by classes they take 0.75 times as long as whole ones");
    expect(points, 8, 4, PARALLEL_AUTO, false,
           "auto: 8 points; reckoned, cut by classes they take 1 times as long as whole ones");
    expect(points, 8, 4, PARALLEL_CLASSES, true, "as the experiment says");
    expect(points, 1, 4, PARALLEL_POINTS, false, "as the experiment says");
}

/* Activations that one rank cannot keep, and several can, are computed once. */
static void test_memory(void **state) {
    (void)state;
    ParallelPoint points[8];
    for (int i = 0; i < 8; i++)
        points[i] = training(1e12, 100, 4 * GIB);
    expect(points, 8, 4, PARALLEL_AUTO, true,
           "auto: 8 points; reckoned, cut by classes they take 0.75 times as long as whole ones");
    expect(points, 8, 2, PARALLEL_AUTO, false,
           "auto: 8 points; reckoned, cut by classes they take 1 times as long as whole ones");
}

/* Steps that are over before their messages have come are not cut; nor is what no rank can take a part of. */
static void test_small(void **state) {
    (void)state;
    const ParallelPoint small = training(1e7, 100, 1 << 20), whole = training(1e12, 1, GIB / 2),
                        probe = {.flops = 1e9, .split.most = 1};
    expect(&small, 1, 4, PARALLEL_AUTO, false,
           "auto: 1 point for 4 ranks; reckoned, cut by classes they take 5.2 times as long as whole ones");
    expect(&whole, 1, 4, PARALLEL_AUTO, false, "auto: no training here can be cut by classes");
    expect(&probe, 1, 4, PARALLEL_CLASSES, false, "no training here can be cut by classes");
    const ParallelPoint mixed[] = {training(1e12, 100, GIB / 2), probe};
    expect(mixed, 2, 4, PARALLEL_AUTO, true,
           "auto: 2 points for 4 ranks; reckoned, cut by classes they take 0.25 times as long as whole ones");
    assert_int_equal(parallel_of(mixed, 2, 4, PARALLEL_AUTO, GIB).n_cut, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_choice), cmocka_unit_test(test_memory),
                                       cmocka_unit_test(test_small)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
