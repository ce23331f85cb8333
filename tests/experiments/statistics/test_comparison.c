/* test_comparison.c: experiments/statistics/comparison.c: what is a pair, what has no partner, who is the
 * best and who is ranked; numbers against SciPy. */
#include "experiments/statistics/comparison.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static int setup(void **state) {
    *state = arena_create();
    return *state ? 0 : -1;
}

static int teardown(void **state) {
    arena_free(*state);
    return 0;
}

#define THREE(row, dataset, a, b, c)                                                                         \
    {row, dataset, 1, false, a}, {row, dataset, 2, false, b}, {                                              \
        row, dataset, 3, false, c                                                                            \
    }
#define FIXED(row, dataset, a)                                                                               \
    { row, dataset, 0, true, a }
#define COMPARE(given, baseline) compare(*state, given, (int)(sizeof given / sizeof *given), baseline)

static Comparison compare(Arena *arena, const Observation *given, int n, const char *baseline) {
    Comparison comparison;
    assert_true(comparison_make(&comparison, given, n, baseline, arena));
    return comparison;
}

static void assert_interval(const Comparison *comparison, int row, double mean, double half_width) {
    const Paired *paired = &comparison->differences[row].paired;
    assert_true(fabs(paired->mean - mean) < 1e-10);
    assert_true(fabs(paired->half_width - half_width) < 1e-10);
}

static const Observation three_datasets[] = {
    FIXED("zero", "pets", 77), THREE("A", "pets", 80.5, 82.25, 81), THREE("B", "pets", 78, 83, 80.25),
    FIXED("zero", "cars", 59), THREE("A", "cars", 60, 61.5, 63.25), THREE("B", "cars", 58, 62, NAN),
    FIXED("zero", "dtd", 52),  THREE("A", "dtd", 50.5, 52, 51),     THREE("B", "dtd", 49, 47.5, 50)};

/* Datasets are the pairs, each with the seeds that both have. */
static void test_datasets(void **state) {
    const Comparison all = COMPARE(three_datasets, NULL);
    assert_true(all.n_rows == 3 && all.n_datasets == 3 && all.baseline == 1);
    assert_string_equal(all.rows[2], "B");
    assert_interval(&all, 2, -1.3055555555555556, 2.21350676959811);
    assert_interval(&all, 0, -2, 6.43735795166858);
    const Difference *b = &all.differences[2];
    assert_true(b->paired.n == 3 && b->paired.losses == 3 && b->n_alone == 0 && b->n_unmatched == 1);
    assert_true(all.differences[0].paired.wins == 1 && all.differences[0].n_unmatched == 0);
    assert_true(all.differences[1].paired.n == 0);
    assert_true(all.ranks.k == 3 && all.ranks.n == 3 && all.n_unranked == 0 && all.n_uneven == 1);
    const double rank[] = {7.0 / 3, 4.0 / 3, 7.0 / 3};
    for (int r = 0; r < 3; r++)
        assert_true(fabs(all.rank[r] - rank[r]) < 1e-12);
    assert_true(fabs(all.ranks.chi_square - 2) < 1e-10 && fabs(all.ranks.p_value - exp(-1)) < 1e-10);
}

/* Of one dataset seeds are the pairs, and there is nothing to rank. */
static void test_seeds(void **state) {
    const Observation pets[] = {FIXED("zero", "pets", 77),
                                THREE("A", "pets", 80.5, 82.25, 81),
                                THREE("B", "pets", 78, 83, 80.25),
                                {"C", "pets", 9, false, 1}};
    Comparison all = COMPARE(pets, NULL);
    assert_int_equal(all.baseline, 1);
    assert_interval(&all, 2, -0.8333333333333334, 4.040702810437708);
    assert_true(all.differences[2].paired.n == 3 && all.differences[2].paired.wins == 1);
    assert_true(all.ranks.k == 0 && isnan(all.rank[1]));
    /* C shares no seed with any that learns */
    assert_true(all.differences[3].paired.n == 0 && all.differences[3].n_alone == 1 &&
                all.differences[3].n_unmatched == 3);
    assert_interval(&all, 0, -4.25, 2.2391714737573993);
    all = COMPARE(pets, "zero");
    assert_int_equal(all.baseline, 0);
    assert_interval(&all, 1, 4.25, 2.2391714737573993);
    assert_true(all.differences[3].paired.n == 1 && isnan(all.differences[3].paired.half_width));
    /* what nobody learned was measured once, however many seeds there are */
    const Observation fixed[] = {FIXED("zero", "pets", 77), FIXED("ensemble", "pets", 78),
                                 THREE("A", "pets", 1, 2, 3)};
    all = COMPARE(fixed, NULL);
    assert_true(all.baseline == 1 && all.differences[0].paired.n == 1 &&
                all.differences[0].paired.losses == 1 && all.differences[2].paired.n == 3);
}

static void test_baselines(void **state) {
    Comparison all = COMPARE(three_datasets, "D");
    assert_true(all.baseline == -1 && all.n_rows == 3 && all.ranks.k == 3);
    const Observation missing[] = {{"A", "pets", 1, false, NAN}, {"B", "pets", 1, false, NAN}};
    all = COMPARE(missing, NULL);
    assert_true(all.baseline == -1 && all.n_rows == 2);
    /* the highest mean of few seeds or datasets does not count beside those that have more in common */
    const Observation easy[] = {
        THREE("A", "pets", 80, 80, 80), THREE("B", "pets", 81, 81, 81), {"C", "pets", 2, false, 99}};
    assert_int_equal(COMPARE(easy, NULL).baseline, 1);
    /* who lacks everything hides nobody; two that share some seeds are compared on these */
    const Observation partly[] = {THREE("A", "pets", 50, 50, NAN), THREE("B", "pets", NAN, NAN, NAN),
                                  THREE("C", "pets", NAN, 60, 40)};
    all = COMPARE(partly, NULL);
    assert_true(all.baseline == 2 && all.differences[0].paired.n == 1);
    const Observation chain[] = {{"A", "pets", 1, false, 50}, {"A", "pets", 2, false, 50},
                                 {"B", "pets", 2, false, 51}, {"B", "pets", 3, false, 51},
                                 {"C", "pets", 3, false, 1},  {"C", "pets", 4, false, 99}};
    assert_int_equal(COMPARE(chain, NULL).baseline, 1);
    const Observation alone[] = {FIXED("zero", "pets", 80), FIXED("ensemble", "pets", 81)};
    all = COMPARE(alone, NULL);
    assert_true(all.baseline == 1 && all.differences[0].paired.n == 1 &&
                isnan(all.differences[0].paired.half_width) && all.differences[0].paired.mean == -1);
}

/* Those that are ranked share all of their datasets; the others are left out. */
static void test_left_out(void **state) {
    const Observation given[] = {{"A", "1", 1, false, 5}, {"A", "2", 1, false, 5}, {"A", "3", 1, false, 5},
                                 {"A", "4", 1, false, 5}, {"B", "1", 1, false, 6}, {"B", "2", 1, false, 6},
                                 {"B", "3", 1, false, 6}, {"C", "1", 1, false, 9}, {"D", "1", 1, false, 5},
                                 {"D", "2", 1, false, 4}, {"D", "3", 1, false, 5}};
    Comparison all = COMPARE(given, NULL);
    assert_true(all.ranks.k == 3 && all.ranks.n == 3 && all.n_unranked == 1 && all.n_uneven == 0);
    assert_true(all.baseline == 1 && all.rank[1] == 1 && isnan(all.rank[2]));
    assert_true(fabs(all.rank[0] - (2.5 + 2 + 2.5) / 3) < 1e-12);
    /* each lacks another dataset: what all have is enough */
    const Observation scattered[] = {{"A", "1", 1, false, 5}, {"A", "2", 1, false, 5},
                                     {"A", "3", 1, false, 5}, {"B", "1", 1, false, 6},
                                     {"B", "2", 1, false, 6}, {"B", "4", 1, false, 6}};
    all = COMPARE(scattered, NULL);
    assert_true(all.ranks.k == 2 && all.ranks.n == 2 && all.n_unranked == 2);
}

/* Two that agree everywhere: the interval has no width. */
static void test_identical(void **state) {
    const Observation given[] = {THREE("A", "1", 5, 6, 7), THREE("B", "1", 5, 6, 7), THREE("A", "2", 1, 0, 3),
                                 THREE("B", "2", 3, 1, 0)};
    const Comparison all = COMPARE(given, NULL);
    assert_true(all.baseline == 0 && all.differences[1].paired.ties == 2);
    assert_interval(&all, 1, 0, 0);
    assert_true(all.rank[0] == 1.5 && all.rank[1] == 1.5);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_datasets), TEST(test_seeds), TEST(test_baselines),
                                       TEST(test_left_out), TEST(test_identical)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
