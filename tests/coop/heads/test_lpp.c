/* test_lpp.c: LP++ against the authors' program: rates, the best epoch, steps of alpha; and its gradient. */
#include "coop/heads/lpp.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static LppImages images_of(const HeadsBench *bench, const float *features, int n) {
    return (LppImages){features, bench->labels, n};
}

static LppFound train(HeadsBench *bench, LinearClassifier *classifier, LppConfig config, LppImages val,
                      Pool *pool) {
    const LppImages images = images_of(bench, bench->images, HEADS_N);
    Error err = {0};
    LppFound found;
    *classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    config.text = bench->text_unit;
    if (lpp_train(classifier, &found, &config, &images, &val, pool, &err) != 0)
        fail_msg("%s", err.text);
    return found;
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    const float *rates = heads_fixture(bench, "lpp.rates");
    LinearClassifier classifier;
    LppFound found = train(bench, &classifier, (LppConfig){.max_epoch = 20, .seed = 1},
                           images_of(bench, bench->val, HEADS_M), bench->pool);
    const float got[] = {(float)found.lr, (float)found.lr_alpha, (float)found.first_alpha};
    for (int i = 0; i < 3; i++)
        assert_true(fabsf(got[i] - rates[i]) < 1e-4f * rates[i]);
    assert_int_equal(found.epoch, 5);
    heads_check(bench, &classifier, "lpp20", 1e-4);
    found = train(bench, &classifier, (LppConfig){.max_epoch = 45, .seed = 1},
                  images_of(bench, bench->images, HEADS_N), bench->pool);
    assert_int_equal(found.epoch, 45);
    heads_check(bench, &classifier, "lpp45", 1e-3);
}

/* Without what only the program does the steps of alpha are smaller, and nothing is random. */
static void test_plain(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier one, two, paper;
    const LppImages none = {0};
    train(bench, &one, (LppConfig){.max_epoch = 30, .plain = true, .seed = 1}, none, bench->pool);
    train(bench, &two, (LppConfig){.max_epoch = 30, .plain = true, .seed = 2}, none, NULL);
    train(bench, &paper, (LppConfig){.max_epoch = 30, .seed = 1}, none, bench->pool);
    assert_memory_equal(one.weights, two.weights, HEADS_K * HEADS_E * sizeof(float));
    assert_memory_equal(one.bias, two.bias, HEADS_K * sizeof(float));
    assert_true(relative_error(one.weights, paper.weights, HEADS_K * HEADS_E) > 1e-2);
}

static void test_gradient(void **state) {
    HeadsBench *bench = *state;
    enum { SIZE = HEADS_K * (HEADS_E + 2) };
    float values[SIZE], gradient[SIZE], ignored[SIZE], numeric[SIZE];
    float text_logits[HEADS_N * HEADS_K], logits[HEADS_N * HEADS_K];
    const LppImages images = images_of(bench, bench->images, HEADS_N);
    const int bias = HEADS_K * HEADS_E, alpha = bias + HEADS_K;
    const LppParameters at = {values, values + bias, values + alpha},
                        d = {gradient, gradient + bias, gradient + alpha},
                        other = {ignored, ignored + bias, ignored + alpha};
    fill_normal(values, SIZE, 1, 3);
    fill_normal(text_logits, HEADS_N * HEADS_K, 1, 4);
    lpp_loss(&at, &d, &images, text_logits, logits, HEADS_K, HEADS_E, bench->pool);
    for (int i = 0; i < SIZE; i++) {
        const float before = values[i], step = 1e-2f;
        values[i] = before + step;
        const double high =
            lpp_loss(&at, &other, &images, text_logits, logits, HEADS_K, HEADS_E, bench->pool);
        values[i] = before - step;
        const double low = lpp_loss(&at, &other, &images, text_logits, logits, HEADS_K, HEADS_E, bench->pool);
        values[i] = before;
        numeric[i] = (float)((high - low) / (2 * (double)step));
    }
    assert_close("weights", gradient, numeric, HEADS_K * HEADS_E, 2e-3);
    assert_close("bias", gradient + bias, numeric + bias, HEADS_K, 2e-3);
    assert_close("alpha", gradient + alpha, numeric + alpha, HEADS_K, 2e-3);
}

static int stop_at_three(void *context, int epoch, double loss) {
    (void)context;
    assert_true(loss > 0);
    return epoch == 3;
}

static void test_threads_and_stop(void **state) {
    HeadsBench *bench = *state;
    LinearClassifier one, four;
    LppFound found;
    const LppImages val = images_of(bench, bench->val, HEADS_M),
                    images = images_of(bench, bench->images, HEADS_N);
    Pool *pool = pool_create(4);
    train(bench, &one, (LppConfig){.max_epoch = 30}, val, NULL);
    train(bench, &four, (LppConfig){.max_epoch = 30}, val, pool);
    assert_memory_equal(one.weights, four.weights, HEADS_K * HEADS_E * sizeof(float));
    pool_free(pool);
    Error err = {0};
    LppConfig config = {.text = bench->text_unit, .max_epoch = 30, .on_epoch = stop_at_three};
    assert_int_equal(lpp_train(&one, &found, &config, &images, &val, NULL, &err), 1);
    config = (LppConfig){.text = bench->text_unit, .max_epoch = 30, .lr = 1e39};
    assert_int_equal(lpp_train(&one, &found, &config, &images, &val, NULL, &err), -1);
    assert_non_null(strstr(err.text, "the loss is not finite"));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_plain),
                                       HEADS_TEST(test_gradient), HEADS_TEST(test_threads_and_stop)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
