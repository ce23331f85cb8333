/* KgCoOp against the authors' program: words and random vectors, two weights. */
#include "coop/prompts/kgcoop.h"

#include "coop/zeroshot.h"
#include "tests/support/prompts_support.h"
#include "tests/support/support.h"

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
                       double weight) {
    PromptLearner *learner = prompts_learner(bench, config);
    Kgcoop kgcoop;
    kgcoop_init(&kgcoop, learner, prompts_texts(bench, template), weight);
    const size_t n = learner_ctx_size(learner);
    if (*config->ctx_init)
        assert_close(of, learner_ctx(learner), prompts_expected(bench, of, "ctx", NULL), n, 1e-7);
    prompts_copy(bench, of, "ctx", learner_ctx(learner), n);
    check_logits(bench, learner, of, "logits", 1e-4);
    float *gradient = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    kgcoop_loss(&kgcoop, bench->train, bench->labels, 6, logits, gradient, NULL);
    assert_close(of, gradient, prompts_expected(bench, of, "ctx.grad", NULL), n, 1e-4);
    prompts_check_gradient(bench, kgcoop_trainee(&kgcoop), 6, 0, n);
    prompts_train(bench, of, kgcoop_trainee(&kgcoop), 6, prompts_optim(6));
    check_logits(bench, learner, of, "logits_end", 1e-3);
    learner_free(learner);
}

static void test_words(void **state) {
    const LearnerConfig config = {.ctx_init = "a photo of a"};
    check_case(*state, "kgcoop_words", &config, "a photo of a {}, a type of pet.", 8);
}

static void test_random(void **state) {
    const LearnerConfig config = {.n_ctx = 5, .ctx_init = ""};
    check_case(*state, "kgcoop_random", &config, "a photo of a {}.", 2);
}

/* Without weight it is CoOp, bit for bit. */
static void test_no_weight(void **state) {
    PromptsBench *bench = *state;
    const LearnerConfig config = {.n_ctx = 5, .ctx_init = ""};
    PromptLearner *learner = prompts_learner(bench, &config);
    Kgcoop kgcoop;
    kgcoop_init(&kgcoop, learner, prompts_texts(bench, "a photo of a {}."), 0);
    const size_t n = learner_ctx_size(learner);
    float *ours = arena_floats(bench->arena, n, 1), *coop = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    const double loss = kgcoop_loss(&kgcoop, bench->train, bench->labels, 6, logits, ours, NULL);
    assert_true(loss == learner_loss(learner, bench->train, bench->labels, 6, logits, coop, NULL));
    assert_memory_equal(ours, coop, n * sizeof *ours);
    learner_free(learner);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_random, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_no_weight, prompts_setup, prompts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
