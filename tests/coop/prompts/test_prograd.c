/* ProGrad against the authors' program: the words of a template with a comma, which leave a token before the
 * name; the name in front; a random start with another temperature and lambda. */
#include "coop/prompts/prograd.h"

#include "coop/zeroshot.h"
#include "tests/support/prompts_support.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_logits(PromptsBench *bench, PromptLearner *learner, const char *of, const char *what,
                         double tolerance) {
    const int E = bench->clip->embed_dim, n = PROMPTS_IMAGES, K = PROMPTS_CLASSES;
    float *text = arena_floats(bench->arena, (size_t)K, (size_t)E),
          *logits = arena_floats(bench->arena, (size_t)n, (size_t)K);
    learner_text_features(learner, text);
    cosine_logits(bench->pool, logits, bench->test, text, n, K, E, bench->clip->logit_scale);
    prompts_check_logits(bench, of, what, logits, tolerance);
}

static void check_case(PromptsBench *bench, const char *of, const LearnerConfig *config, const char *template,
                       double lambda, double temperature) {
    PromptLearner *learner = prompts_learner(bench, config);
    Prograd *prograd =
        prograd_create(learner, prompts_texts(bench, template), lambda, temperature, 6, bench->arena);
    const size_t n = learner_ctx_size(learner);
    if (*config->ctx_init)
        assert_close(of, learner_ctx(learner), prompts_expected(bench, of, "ctx", NULL), n, 1e-7);
    prompts_copy(bench, of, "ctx", learner_ctx(learner), n);
    check_logits(bench, learner, of, "logits", 1e-4);
    float *gradient = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    prograd_loss(prograd, bench->train, bench->labels, 6, logits, gradient, NULL);
    assert_close(of, gradient, prompts_expected(bench, of, "ctx.grad", NULL), n, 1e-4);
    prompts_train(bench, of, prograd_trainee(prograd), 6, prompts_optim(6));
    check_logits(bench, learner, of, "logits_end", 1e-3);
    learner_free(learner);
}

static LearnerConfig start(PromptsBench *bench, const char *template, int n_ctx,
                           ClassTokenPosition position) {
    Error err = {0};
    LearnerConfig config = {.n_ctx = n_ctx, .class_token_position = position};
    if (prograd_start(&config, template, bench->tokenizer, bench->arena, &err) < 0)
        fail_msg("%s", err.text);
    return config;
}

static void test_words(void **state) {
    const char *template = "a type of pet, a photo of a {}.";
    const LearnerConfig config = start(*state, template, 16, POSITION_END);
    assert_int_equal(config.n_start, 8);
    check_case(*state, "prograd_words", &config, template, 1, 1);
}

static void test_front(void **state) {
    const LearnerConfig config = start(*state, "a texture of {}.", 7, POSITION_FRONT);
    check_case(*state, "prograd_front", &config, "a texture of {}.", 1, 1);
}

static void test_random(void **state) {
    const LearnerConfig config = {.n_ctx = 5, .ctx_init = ""};
    check_case(*state, "prograd_random", &config, "a photo of a {}.", 0.5, 2);
}

/* The second loss at the present contexts, from the formula. */
static double kept_loss(PromptsBench *bench, PromptLearner *learner, const float *texts, double T) {
    const int B = 6, K = PROMPTS_CLASSES, E = bench->clip->embed_dim;
    const float scale = bench->clip->logit_scale;
    float *text = arena_floats(bench->arena, (size_t)K, (size_t)E),
          *ours = arena_floats(bench->arena, (size_t)B, (size_t)K),
          *zero_shot = arena_floats(bench->arena, (size_t)B, (size_t)K);
    learner_text_features(learner, text);
    cosine_logits(bench->pool, ours, bench->train, text, B, K, E, scale);
    cosine_logits(bench->pool, zero_shot, bench->train, texts, B, K, E, scale);
    double loss = 0;
    for (int i = 0; i < B; i++) {
        double sums[2] = {0, 0};
        for (int k = 0; k < K; k++) {
            sums[0] += exp((double)ours[i * K + k] / T);
            sums[1] += exp((double)zero_shot[i * K + k] / T);
        }
        for (int k = 0; k < K; k++)
            loss -= T * T * exp((double)zero_shot[i * K + k] / T) / sums[1] *
                    ((double)ours[i * K + k] / T - log(sums[0])) / B;
    }
    return loss;
}

/* The gradient of the second loss against central differences, and what the projection leaves. */
static void test_gradients(void **state) {
    PromptsBench *bench = *state;
    const LearnerConfig config = {.n_ctx = 5, .ctx_init = ""};
    const double T = 2;
    PromptLearner *learner = prompts_learner(bench, &config);
    const float *texts = prompts_texts(bench, "a photo of a {}.");
    const size_t n = learner_ctx_size(learner);
    float *ctx = learner_ctx(learner), *start_ctx = arena_floats(bench->arena, n, 1),
          *g = arena_floats(bench->arena, n, 1), *g_ce = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    int n_projected = 0;
    for (int trial = 0; trial < 8; trial++) {
        for (size_t i = 0; i < n; i++)
            ctx[i] = (float)(0.1 * sin(7 * trial + (0.7 + 0.3 * trial) * (double)i));
        memcpy(start_ctx, ctx, n * sizeof *ctx);
        Prograd *prograd = prograd_create(learner, texts, 1, T, 6, bench->arena);
        prograd_loss(prograd, bench->train, bench->labels, 6, logits, g, NULL);
        const float *g_kl = prograd_kept_gradient(prograd);
        double along = 0, sides[2], product = 0, left = 0, square = 0;
        for (int side = 0; side < 2; side++) {
            along = 0;
            for (size_t i = 0; i < n; i++) {
                const double wave = sin(0.3 * (double)i + trial);
                ctx[i] = (float)((double)start_ctx[i] + (side ? 1e-4 : -1e-4) * wave);
                along += wave * (double)g_kl[i];
            }
            sides[side] = kept_loss(bench, learner, texts, T);
            memcpy(ctx, start_ctx, n * sizeof *ctx);
        }
        for (size_t i = 0; i < n; i++)
            square += (double)g_kl[i] * (double)g_kl[i];
        assert_true(square > 0 &&
                    fabs((sides[1] - sides[0]) / 2e-4 - along) <= 1e-2 * sqrt(square * (double)n));
        learner_loss(learner, bench->train, bench->labels, 6, logits, g_ce, NULL);
        for (size_t i = 0; i < n; i++) {
            product += (double)g_ce[i] * (double)g_kl[i];
            left += (double)g[i] * (double)g_kl[i];
        }
        if (product >= 0)
            assert_memory_equal(g, g_ce, n * sizeof *g);
        else
            assert_true(fabs(left) < 1e-4 * -product);
        n_projected += product < 0;
    }
    if (n_projected == 0 || n_projected == 8)
        fail_msg("%d of 8 projected", n_projected);
    learner_free(learner);
}

/* Activations that there is no room for are computed again, for each of the two backward passes. */
static void test_small_budget(void **state) {
    PromptsBench *bench = *state;
    const LearnerConfig config = {.n_ctx = 60, .csc = true, .ctx_init = ""};
    const float *texts = prompts_texts(bench, "a photo of a {}.");
    const size_t n = 10 * 60 * (size_t)bench->clip->text.width;
    float *gradients[2], *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    for (int i = 0; i < 2; i++) {
        Error err = {0};
        PromptLearner *learner = learner_create(bench->clip, bench->tokenizer, bench->pool,
                                                bench->dataset.class_names, 10, &config, (size_t)i, &err);
        assert_non_null(learner);
        assert_int_equal(learner_ctx_size(learner), n);
        assert_true(learner_tree(learner)->n_segments - learner_tree(learner)->n_shared_segments > 1);
        gradients[i] = arena_floats(bench->arena, n, 1);
        prograd_loss(prograd_create(learner, texts, 1, 1, 6, bench->arena), bench->train, bench->labels, 6,
                     logits, gradients[i], NULL);
        learner_free(learner);
    }
    assert_memory_equal(gradients[0], gradients[1], n * sizeof(float));
}

static void test_start_errors(void **state) {
    PromptsBench *bench = *state;
    Error err = {0};
    LearnerConfig config = {.n_ctx = 3};
    assert_int_equal(prograd_start(&config, "{} texture.", bench->tokenizer, bench->arena, &err), -1);
    assert_non_null(strstr(err.text, "no words before {}"));
    assert_int_equal(prograd_start(&config, "a photo of a {}.", bench->tokenizer, bench->arena, &err), 0);
    assert_int_equal(
        learner_check(bench->clip, bench->tokenizer, bench->dataset.class_names, 10, &config, &err), -1);
    assert_non_null(strstr(err.text, "4 vectors where n_ctx is 3"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_front, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_random, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_gradients, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_small_budget, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_start_errors, prompts_setup, prompts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
