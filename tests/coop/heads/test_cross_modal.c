/* test_cross_modal.c: the cross-modal probe: 60 iterations against the authors' program, and its search. */
#include "coop/heads/cross_modal.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int text_labels[HEADS_K] = {0, 1, 2, 3, 4};

static CrossModalConfig config_of(const HeadsBench *bench, int max_iter, bool in_order) {
    return (CrossModalConfig){.head = {.n_classes = HEADS_K,
                                       .embed_dim = HEADS_E,
                                       .text = bench->text_unit,
                                       .logit_scale = HEADS_LOGIT_SCALE,
                                       .as_it_is = true,
                                       .seed = 3},
                              .max_iter = max_iter,
                              .warmup_iter = 50,
                              .eval_every = 10,
                              .warmup_min_lr = 1e-5,
                              .in_order = in_order};
}

static CrossModalData data_of(const HeadsBench *bench, int n_val) {
    return (CrossModalData){.images = {bench->images, bench->labels, HEADS_N},
                            .texts = {bench->text_unit, text_labels, HEADS_K},
                            .val = {bench->val, bench->labels, n_val}};
}

static CrossModalFound train(HeadsBench *bench, LinearClassifier *classifier, const CrossModalConfig *config,
                             int n_val, const CrossModalSetting *settings, int n, Pool *pool) {
    const CrossModalData data = data_of(bench, n_val);
    CrossModalFound found;
    Error err = {0};
    *classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    if (cross_modal_train(classifier, &found, config, &data, settings, n, pool, &err) < 0)
        fail_msg("%s", err.text);
    return found;
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    const float *rates = heads_fixture(bench, "cross_modal.rates");
    const CrossModalConfig config = config_of(bench, 60, true);
    const CrossModalSetting setting = {1e-3, 0.01, 4, 2};
    LinearClassifier classifier;
    for (int i = 0; i < 60; i++)
        assert_true(fabs(cross_modal_lr(&config, 1e-3, i) - (double)rates[i]) < 1e-9);
    const CrossModalFound found = train(bench, &classifier, &config, 0, &setting, 1, bench->pool);
    assert_int_equal(found.iteration, 59);
    heads_check(bench, &classifier, "cross_modal", 1e-4);
}

static const CrossModalSetting settings[] = {
    {1e-6, 0, 4, 4}, {1e-2, 0, 4, 4}, {1e-2, 0.01, 16, 16}, {1e-2, 0, 100, 100}};
enum { N_SETTINGS = sizeof settings / sizeof *settings };

/* The best setting alone gives the same head; neither threads nor neighbours change it. */
static void test_search(void **state) {
    HeadsBench *bench = *state;
    const CrossModalConfig config = config_of(bench, 300, false);
    LinearClassifier all, one, threads;
    const CrossModalFound found = train(bench, &all, &config, HEADS_M, settings, N_SETTINGS, NULL);
    const CrossModalFound again =
        train(bench, &one, &config, HEADS_M, settings + found.setting, 1, bench->pool);
    Pool *pool = pool_create(4);
    const CrossModalFound threaded = train(bench, &threads, &config, HEADS_M, settings, N_SETTINGS, pool);
    pool_free(pool);
    assert_true(found.setting > 0 && found.iteration % 10 == 0);
    assert_int_equal(found.iteration, again.iteration);
    assert_int_equal(found.setting, threaded.setting);
    assert_memory_equal(all.weights, one.weights, HEADS_K * HEADS_E * sizeof(float));
    assert_memory_equal(all.weights, threads.weights, HEADS_K * HEADS_E * sizeof(float));
    float logits[HEADS_M * HEADS_K];
    int correct = 0;
    linear_classifier_logits(&all, NULL, logits, bench->val, HEADS_M);
    for (int i = 0; i < HEADS_M; i++) {
        int best = 0;
        for (int k = 1; k < HEADS_K; k++)
            best = logits[i * HEADS_K + k] > logits[i * HEADS_K + best] ? k : best;
        correct += best == bench->labels[i];
    }
    assert_int_equal(correct, found.n_correct);
}

static void test_not_finite(void **state) {
    HeadsBench *bench = *state;
    const CrossModalConfig config = config_of(bench, 300, false);
    const CrossModalSetting bad[] = {{1e-3, 0, 4, 4}, {1e39, 0, 4, 4}};
    const CrossModalData data = data_of(bench, HEADS_M);
    LinearClassifier classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    CrossModalFound found;
    Error err = {0};
    assert_int_equal(cross_modal_train(&classifier, &found, &config, &data, bad, 2, bench->pool, &err), -1);
    assert_non_null(strstr(err.text, "the loss is not finite"));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_search),
                                       HEADS_TEST(test_not_finite)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
