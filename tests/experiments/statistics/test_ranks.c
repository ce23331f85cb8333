/* test_ranks.c: experiments/statistics/ranks.c against SciPy: rankdata, friedmanchisquare and
 * studentized_range. */
#include "experiments/statistics/ranks.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void check(const double *values, int n, int k, const double *average, double chi_square, double p) {
    Arena *arena = arena_create();
    Ranks ranks;
    assert_true(ranks_average(&ranks, values, n, k, arena));
    assert_true(ranks.n == n && ranks.k == k);
    for (int j = 0; j < k; j++)
        assert_true(fabs(ranks.average[j] - average[j]) < 1e-12);
    assert_true(fabs(ranks.chi_square - chi_square) < 1e-10 ||
                (isnan(chi_square) && isnan(ranks.chi_square)));
    assert_true(fabs(ranks.p_value - p) < 1e-10 || (isnan(p) && isnan(ranks.p_value)));
    arena_free(arena);
}

static double accuracies[6][4] = {{76.3, 76.8, 77.1, 79.8}, {59.9, 59.1, 59.0, 56.9},
                                  {95.4, 97.1, 96.8, 96.7}, {62.8, 66.1, 65.4, 65.7},
                                  {88.2, 88.8, 88.6, 89.8}, {93.6, 93.1, 91.6, 93.1}};

static void test_ranks(void **state) {
    (void)state;
    const double average[] = {3, 1.9166666666666667, 2.8333333333333335, 2.25};
    check(accuracies[0], 6, 4, average, 2.7966101694915255, 0.4240582475652117);
    Arena *arena = arena_create();
    Ranks ranks;
    assert_true(ranks_average(&ranks, accuracies[0], 6, 4, arena));
    assert_true(fabs(ranks.critical - 1.9148432265902373) < 1e-10);
    arena_free(arena);
}

/* Equal methods share their ranks, and the statistic knows. */
static void test_ties(void **state) {
    (void)state;
    double values[6][4];
    for (int i = 0; i < 6; i++)
        for (int j = 0; j < 4; j++)
            values[i][j] = i == 1 ? 60 + 1e-13 * j : accuracies[i][j];
    const double average[] = {3.25, 2, 2.75, 2};
    check(values[0], 6, 4, average, 4.9591836734694015, 0.1748104308384103);
    const double same[] = {1, 1, 1, 2, 2, 2}, all_second[] = {2, 2, 2};
    check(same, 2, 3, all_second, NAN, NAN);
    const double two[] = {1, 2, 1, 2}, of_two[] = {2, 1};
    check(two, 2, 2, of_two, NAN, NAN); /* that is what the paired interval is for */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_ranks), cmocka_unit_test(test_ties)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
