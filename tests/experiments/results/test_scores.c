/* test_scores.c: experiments/results/scores.c against numbers worked out by hand. */
#include "experiments/results/scores.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

/* Five images, classes 0, 0, 1, 1, 2 of four; predicted 0, 1, 1, 1, 0; class 3 has no images. */
static void test_by_hand(void **state) {
    (void)state;
    const float logits[] = {9, 1, 0,       0,  /**/ 1, 5,  1,      1, /**/ 0, 2,
                            0, 1, /**/ -9, -1, -2,     -3, /**/ 4, 4, 4,      4};
    const int labels[] = {0, 0, 1, 1, 2}, predicted[] = {0, 1, 1, 1, 0};
    Arena *arena = arena_create();
    Scores scores;
    Error err = {0};
    assert_int_equal(scores_compute(&scores, logits, labels, 5, 4, arena, &err), 0);
    assert_memory_equal(scores.predicted, predicted, sizeof predicted);
    assert_true(scores.accuracy == 60.0);
    assert_true(scores.per_class[0] == 50.0 && scores.per_class[1] == 100.0 && scores.per_class[2] == 0.0);
    assert_true(isnan(scores.per_class[3]));
    /* F1: class 0 2/(2+2) = 1/2, class 1 4/(2+3) = 4/5, class 2 0; mean of three */
    assert_true(fabs(scores.macro_f1 - 130.0 / 3) < 1e-12);
    arena_free(arena);
}

static void test_extremes(void **state) {
    (void)state;
    Arena *arena = arena_create();
    Scores scores;
    Error err = {0};
    const float one[] = {-INFINITY, -INFINITY, INFINITY}, bad[] = {0, 1, 0, NAN};
    const int label = 2, labels[] = {0, 1};
    assert_int_equal(scores_compute(&scores, one, &label, 1, 3, arena, &err), 0);
    assert_true(scores.accuracy == 100.0 && scores.macro_f1 == 100.0);
    assert_int_equal(scores_compute(&scores, bad, labels, 2, 2, arena, &err), -1);
    assert_string_equal(err.text, "test logits: image 1: not a number");
    assert_int_equal(err.kind, ERROR_RUN);
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_by_hand), cmocka_unit_test(test_extremes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
