/* test_gda_base.c: what base classes and new ones get, against the authors' program (its width of 512 is that
 * of the case), with images of full rank and with too few for that.
 */
#include "clip/math/ops.h"
#include "coop/heads/gda_base.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 3, NEW = 4, E = 24, MANY = 96, FEW = 12 };

/* Waves of a frequency of its own in each row. */
static void fill_rows(float *x, int n, double a, double b, double c) {
    for (int i = 0; i < n; i++)
        for (int e = 0; e < E; e++)
            x[i * E + e] = (float)sin(a + b * i + (c + 0.11 * i) * (e + 1));
    unit_rows_forward(x, NULL, x, n, E);
}

typedef struct {
    float images[MANY * E], text[NEW * E];
    int labels[MANY];
} Case;

static Case *make_case(HeadsBench *bench) {
    Case *at = ARENA_NEW(bench->arena, Case, 1);
    float base[K * E];
    fill_rows(base, K, 0.2, 0.9, 0.4);
    fill_rows(at->text, NEW, 1.2, 0.3, 0.8);
    fill_rows(at->images, MANY, 0.7, 0.5, 1.3);
    for (int i = 0; i < MANY; i++) {
        at->labels[i] = i % K;
        for (int e = 0; e < E; e++)
            at->images[i * E + e] += 0.6f * base[at->labels[i] * E + e];
    }
    unit_rows_forward(at->images, NULL, at->images, MANY, E);
    return at;
}

static LinearClassifier fit_base(HeadsBench *bench, int n) {
    const Case *at = make_case(bench);
    LinearClassifier gda = linear_classifier(K, E, bench->arena);
    assert_int_equal(gda_base_fit(&gda, at->images, at->labels, n, NULL), 0);
    return gda;
}

static LinearClassifier fit_new(HeadsBench *bench, int n, Pool *pool) {
    const Case *at = make_case(bench);
    LinearClassifier gda = linear_classifier(NEW, E, bench->arena);
    assert_int_equal(gda_new_fit(&gda, at->images, n, at->text, pool, NULL), 0);
    return gda;
}

static void test_base(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier many = fit_base(bench, MANY), few = fit_base(bench, FEW);
    assert_close("weights", many.weights, heads_fixture(bench, "gda_base.W"), K * E, 1e-4);
    assert_close("bias", many.bias, heads_fixture(bench, "gda_base.b"), K, 1e-4);
    assert_close("weights of few", few.weights, heads_fixture(bench, "gda_base.few.W"), K * E, 1e-4);
    assert_close("bias of few", few.bias, heads_fixture(bench, "gda_base.few.b"), K, 1e-4);
}

static void test_new(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier many = fit_new(bench, MANY, bench->pool), few = fit_new(bench, FEW, bench->pool);
    assert_close("weights", many.weights, heads_fixture(bench, "gda_base.W_new"), NEW * E, 1e-4);
    assert_close("bias", many.bias, heads_fixture(bench, "gda_base.b_new"), NEW, 1e-4);
    assert_close("weights of few", few.weights, heads_fixture(bench, "gda_base.few.W_new"), NEW * E, 1e-4);
    assert_close("bias of few", few.bias, heads_fixture(bench, "gda_base.few.b_new"), NEW, 1e-4);
}

/* Each image 13 times, more than are looked at together: a covariance that is 13 * 31 / (13 * 32 - 1) times
 * as large. */
static void test_many_base_images(void **state) {
    enum { TIMES = 13, N = TIMES * MANY };
    HeadsBench *bench = *state;
    const Case *at = make_case(bench);
    float *images = arena_floats(bench->arena, N, E);
    int *labels = ARENA_NEW(bench->arena, int, N);
    for (int i = 0; i < N; i++) {
        memcpy(images + i * E, at->images + i % MANY * E, E * sizeof *images);
        labels[i] = at->labels[i % MANY];
    }
    LinearClassifier once = fit_base(bench, MANY), often = linear_classifier(K, E, bench->arena);
    assert_int_equal(gda_base_fit(&often, images, labels, N, NULL), 0);
    for (int i = 0; i < K * E; i++)
        often.weights[i] *= TIMES * 31 / (TIMES * 32.0f - 1);
    assert_close("weights", often.weights, once.weights, K * E, 1e-4);
}

/* Of images more than are looked at together, the nearest come last. */
static void test_nearest_of_many(void **state) {
    enum { N = 2500, NEAR = 64 };
    HeadsBench *bench = *state;
    const Case *at = make_case(bench);
    float *images = arena_floats(bench->arena, N, E);
    for (int i = 0; i < N; i++)
        for (int e = 0; e < E; e++)
            images[i * E + e] = i < N - NEAR ? -at->text[e] : at->images[(i - (N - NEAR)) * E + e];
    LinearClassifier all = linear_classifier(1, E, bench->arena),
                     near = linear_classifier(1, E, bench->arena);
    assert_int_equal(gda_new_fit(&all, images, N, at->text, bench->pool, NULL), 0);
    assert_int_equal(gda_new_fit(&near, at->images, NEAR, at->text, NULL, NULL), 0);
    assert_close("weights", all.weights, near.weights, E, 1e-5);
}

/* Two images of a class that are alike have a covariance of nothing. */
static void test_too_few(void **state) {
    HeadsBench *bench = *state;
    const Case *at = make_case(bench);
    Error err = {0};
    LinearClassifier gda = linear_classifier(K, E, bench->arena);
    assert_int_equal(gda_base_fit(&gda, at->images, at->labels, K + 2, &err), -1);
    assert_string_equal(err.text, "gda: class 2 has one training image, hence no covariance");
    assert_int_equal(gda_base_fit(&gda, at->images, at->labels, K - 1, &err), -1);
    assert_int_equal(gda_new_fit(&gda, at->images, 1, at->text, NULL, &err), -1);
    assert_string_equal(err.text, "gda: new classes need two training images at least");
    const int alike[] = {0, 0, 1, 1, 2, 2};
    float *images = arena_floats(bench->arena, 6, E);
    for (int i = 0; i < 6; i++)
        memcpy(images + i * E, at->images + i / 2 * E, E * sizeof *images);
    assert_int_equal(gda_base_fit(&gda, images, alike, 6, NULL), 0);
    for (int i = 0; i < K * E; i++)
        assert_true(gda.weights[i] == 0);
}

static void test_threads(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier one = fit_new(bench, MANY, NULL), two = fit_new(bench, MANY, bench->pool);
    assert_memory_equal(one.weights, two.weights, NEW * E * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_base),
                                       HEADS_TEST(test_new),
                                       HEADS_TEST(test_many_base_images),
                                       HEADS_TEST(test_nearest_of_many),
                                       HEADS_TEST(test_too_few),
                                       HEADS_TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
