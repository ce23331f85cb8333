/* test_gda.c: the closed form and its search against the authors' program, and what it cannot do. */
#include "coop/heads/gda.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static LinearClassifier fitted(HeadsBench *bench, Pool *pool) {
    LinearClassifier gda = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    assert_int_equal(gda_fit(&gda, bench->images, bench->labels, HEADS_V * HEADS_N, pool, NULL), 0);
    return gda;
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier gda = fitted(bench, bench->pool);
    double alpha;
    assert_close("weights", gda.weights, heads_fixture(bench, "gda.W"), HEADS_K * HEADS_E, 1e-4);
    assert_close("bias", gda.bias, heads_fixture(bench, "gda.b"), HEADS_K, 1e-4);
    assert_int_equal(gda_search(&alpha, &gda, bench->text_unit, HEADS_LOGIT_SCALE, bench->val, bench->labels,
                                HEADS_M, 0.1, bench->pool, NULL),
                     0);
    assert_true(alpha == (double)heads_fixture(bench, "gda.alpha")[0]);
    gda_join(&gda, bench->text_unit, HEADS_LOGIT_SCALE, alpha);
    heads_check(bench, &gda, "gda", 1e-4);
}

static void test_without_validation(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier gda = fitted(bench, NULL);
    double alpha;
    assert_int_equal(
        gda_search(&alpha, &gda, bench->text_unit, HEADS_LOGIT_SCALE, NULL, NULL, 0, 0.3, NULL, NULL), 0);
    assert_true(alpha == 0.3);
}

/* One image per class has no covariance: what is left is CLIP. A class without one is refused. */
static void test_few_images(void **state) {
    HeadsBench *bench = *state;
    Error err = {0};
    LinearClassifier gda = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    assert_int_equal(gda_fit(&gda, bench->images, bench->labels, HEADS_K, NULL, &err), 0);
    for (int i = 0; i < HEADS_K * HEADS_E; i++)
        assert_true(gda.weights[i] == 0);
    assert_int_equal(gda_fit(&gda, bench->images, bench->labels, HEADS_K - 1, NULL, &err), -1);
    assert_string_equal(err.text, "gda: class 4 has no training images, hence no mean");
}

static void test_threads(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier one = fitted(bench, NULL), two = fitted(bench, bench->pool);
    assert_memory_equal(one.weights, two.weights, HEADS_K * HEADS_E * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_without_validation),
                                       HEADS_TEST(test_few_images), HEADS_TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
