/* test_head.c: heads that start at the text features: gradients, and 20 steps of TaskRes, of the
 * text-initialised probe and of CLAP against the authors' programs.
 */
#include "coop/heads/head.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static HeadConfig config_of(const HeadsBench *bench) {
    return (HeadConfig){.n_classes = HEADS_K,
                        .embed_dim = HEADS_E,
                        .text = bench->text,
                        .logit_scale = HEADS_LOGIT_SCALE,
                        .seed = 1};
}

static void check(HeadsBench *bench, Head *head, const char *name) {
    LinearClassifier classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
    head_classifier(head, &classifier);
    heads_check(bench, &classifier, name, 1e-4);
}

static void test_taskres(void **state) {
    HeadsBench *bench = *state;
    HeadConfig config = config_of(bench);
    config.alpha = 0.5;
    Head *head = head_create(&config, bench->pool, bench->arena);
    const TrainData data = heads_data(bench, bench->images, HEADS_E, false);
    const OptimConfig optim = heads_optim_of(OPTIMIZER_ADAM, 2e-3, 5e-4, 10);
    assert_string_equal(head_trainee(head)->name, "residual");
    heads_train(bench, head_trainee(head), &data, &optim);
    check(bench, head, "taskres");
}

static void test_probe_and_clap(void **state) {
    HeadsBench *bench = *state;
    const TrainData data = heads_data(bench, bench->images, HEADS_E, true);
    const OptimConfig optim = heads_optim_of(OPTIMIZER_SGD, 0.1, 0, 5);
    for (int constrained = 0; constrained < 2; constrained++) {
        HeadConfig config = config_of(bench);
        float lambda[HEADS_K];
        if (constrained) {
            assert_int_equal(head_zero_shot_lambda(lambda, &config, bench->images, bench->labels,
                                                   HEADS_V * HEADS_N, bench->pool, NULL),
                             0);
            assert_close("lambda", lambda, heads_fixture(bench, "clap.lambda"), HEADS_K, 1e-5);
            config.lambda = lambda;
        }
        Head *head = head_create(&config, bench->pool, bench->arena);
        heads_train(bench, head_trainee(head), &data, &optim);
        check(bench, head, constrained ? "clap" : "text_probe");
    }
}

/* The mean of the others where the authors' program has no number. */
static void test_lambda_of_missing_class(void **state) {
    HeadsBench *bench = *state;
    const HeadConfig config = config_of(bench);
    float all[HEADS_K], lambda[HEADS_K];
    int labels[HEADS_N];
    for (int i = 0; i < HEADS_N; i++)
        labels[i] = bench->labels[i] == 4 ? 0 : bench->labels[i];
    assert_int_equal(
        head_zero_shot_lambda(all, &config, bench->images, bench->labels, HEADS_N, bench->pool, NULL), 0);
    assert_int_equal(
        head_zero_shot_lambda(lambda, &config, bench->images, labels, HEADS_N, bench->pool, NULL), 0);
    assert_memory_equal(lambda + 1, all + 1, 3 * sizeof *lambda);
    assert_true(fabsf(lambda[4] - (lambda[0] + lambda[1] + lambda[2] + lambda[3]) / 4) < 1e-6f);
}

static void test_gradients(void **state) {
    HeadsBench *bench = *state;
    static const float lambda[HEADS_K] = {0.3f, 1, 0, 2, 0.7f};
    for (int kind = 0; kind < 4; kind++) {
        HeadConfig config = config_of(bench);
        config.logit_scale = 1;
        config.alpha = kind == 1 ? 0.7 : 0;
        config.as_it_is = kind == 3;
        config.lambda = kind == 2 ? lambda : NULL;
        Head *head = head_create(&config, bench->pool, bench->arena);
        const Trainee *trainee = head_trainee(head);
        for (size_t i = 0; i < trainee->n_parameters; i++)
            trainee->parameters[i] += 0.3f * (float)sin(5.0 * (double)i);
        heads_check_gradient(bench, trainee, bench->images, HEADS_N, 1e-2f);
    }
}

/* Before the first step it is CLIP without training. */
static void test_start(void **state) {
    HeadsBench *bench = *state;
    for (int is_residual = 0; is_residual < 2; is_residual++) {
        HeadConfig config = config_of(bench);
        config.alpha = is_residual;
        LinearClassifier classifier = linear_classifier(HEADS_K, HEADS_E, bench->arena);
        head_classifier(head_create(&config, NULL, bench->arena), &classifier);
        assert_close("weights", classifier.weights, bench->text_unit, HEADS_K * HEADS_E, 1e-6);
        assert_true(classifier.scale == expf(HEADS_LOGIT_SCALE));
    }
}

static void test_threads(void **state) {
    HeadsBench *bench = *state;
    const TrainData data = heads_data(bench, bench->images, HEADS_E, true);
    const OptimConfig optim = heads_optim_of(OPTIMIZER_SGD, 0.1, 0, 5);
    LinearClassifier classifiers[2];
    for (int i = 0; i < 2; i++) {
        Pool *pool = pool_create(i == 0 ? 1 : 4);
        const HeadConfig config = config_of(bench);
        Head *head = head_create(&config, pool, bench->arena);
        heads_train(bench, head_trainee(head), &data, &optim);
        classifiers[i] = linear_classifier(HEADS_K, HEADS_E, bench->arena);
        head_classifier(head, &classifiers[i]);
        pool_free(pool);
    }
    assert_memory_equal(classifiers[0].weights, classifiers[1].weights, HEADS_K * HEADS_E * sizeof(float));
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_taskres),   HEADS_TEST(test_probe_and_clap),
                                       HEADS_TEST(test_gradients), HEADS_TEST(test_lambda_of_missing_class),
                                       HEADS_TEST(test_start),     HEADS_TEST(test_threads)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
