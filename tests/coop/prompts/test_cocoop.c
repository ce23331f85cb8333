/* CoCoOp against the authors' program: words with batches of one image, a random start with batches of three.
 */
#include "coop/prompts/cocoop.h"

#include "tests/support/prompts_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const char *const parts[] = {"ctx", "meta_net.linear1.weight", "meta_net.linear1.bias",
                                    "meta_net.linear2.weight", "meta_net.linear2.bias"};

static size_t part_size(PromptsBench *bench, const char *of, int part) {
    size_t n;
    prompts_expected(bench, of, parts[part], &n);
    return n;
}

static Cocoop *create(PromptsBench *bench, const LearnerConfig *config, int batch, size_t budget) {
    Error err = {0};
    Cocoop *cocoop = cocoop_create(bench->clip, bench->tokenizer, bench->pool, bench->dataset.class_names,
                                   PROMPTS_CLASSES, config, batch, budget, &err);
    if (!cocoop)
        fail_msg("%s", err.text);
    return cocoop;
}

static void check_logits(PromptsBench *bench, Cocoop *cocoop, const char *of, const char *what,
                         double tolerance) {
    Error err = {0};
    float *logits = arena_floats(bench->arena, PROMPTS_IMAGES, PROMPTS_CLASSES);
    assert_int_equal(cocoop_logits(cocoop, logits, bench->test, PROMPTS_IMAGES, false, &err), 0);
    prompts_check_logits(bench, of, what, logits, tolerance);
}

static void check_case(PromptsBench *bench, const char *of, const LearnerConfig *config, int batch) {
    Cocoop *cocoop = create(bench, config, batch, 0);
    const Trainee *trainee = cocoop_trainee(cocoop);
    size_t n = 0;
    if (*config->ctx_init)
        assert_close(of, trainee->parameters, prompts_expected(bench, of, "ctx", NULL),
                     part_size(bench, of, 0), 1e-7);
    for (int i = 0; i < 5; i++) {
        prompts_copy(bench, of, parts[i], trainee->parameters + n, part_size(bench, of, i));
        n += part_size(bench, of, i);
    }
    assert_int_equal(n, trainee->n_parameters);
    check_logits(bench, cocoop, of, "logits", 1e-4);
    float *gradient = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, (size_t)batch, PROMPTS_CLASSES);
    cocoop_loss(cocoop, bench->train, bench->labels, batch, logits, gradient, NULL);
    size_t from = 0;
    for (int i = 0; i < 5; i++) {
        const size_t size = part_size(bench, of, i);
        const float *expected =
            prompts_expected(bench, of, arena_printf(bench->arena, "%s.grad", parts[i]), NULL);
        assert_close(parts[i], gradient + from, expected, size, 1e-4);
        from += size;
    }
    prompts_check_gradient(bench, trainee, batch, 0, part_size(bench, of, 0));
    prompts_check_gradient(bench, trainee, batch, part_size(bench, of, 0), n);
    prompts_train(bench, of, trainee, batch, prompts_optim(batch));
    check_logits(bench, cocoop, of, "logits_end", 1e-3);
    cocoop_free(cocoop);
}

static void test_words(void **state) {
    const LearnerConfig config = {.ctx_init = "a photo of a"};
    check_case(*state, "cocoop_words", &config, 1);
}

static void test_random(void **state) {
    const LearnerConfig config = {.n_ctx = 3, .ctx_init = ""};
    check_case(*state, "cocoop_random", &config, 3);
}

/* The same bits for any number of threads and any budget; a gradient wherever the name stands. */
static void test_same_bits(void **state) {
    PromptsBench *bench = *state;
    for (int position = 0; position < 3; position++) {
        const LearnerConfig config = {
            .n_ctx = 40, .ctx_init = "", .class_token_position = (ClassTokenPosition)position};
        float *gradients[3], *logits = arena_floats(bench->arena, 12, PROMPTS_CLASSES);
        size_t n = 0;
        for (int k = 0; k < 3; k++) {
            Pool *pool = bench->pool;
            if (k == 2)
                bench->pool = pool_create(1);
            Cocoop *cocoop = create(bench, &config, 12, k == 1);
            n = cocoop_trainee(cocoop)->n_parameters;
            gradients[k] = arena_floats(bench->arena, n, 1);
            cocoop_loss(cocoop, bench->train, bench->labels, 12, logits, gradients[k], NULL);
            if (k == 0)
                prompts_check_gradient(bench, cocoop_trainee(cocoop), 12, 0, n);
            cocoop_free(cocoop);
            if (k == 2)
                pool_free(bench->pool);
            bench->pool = pool;
        }
        for (int k = 1; k < 3; k++)
            assert_memory_equal(gradients[k], gradients[0], n * sizeof(float));
    }
}

/* Images that are tested together, and one by one; few classes make groups of many. */
static void test_together(void **state) {
    PromptsBench *bench = *state;
    const LearnerConfig config = {.n_ctx = 4, .ctx_init = ""};
    const size_t E = (size_t)bench->clip->embed_dim;
    for (int K = 2; K <= PROMPTS_CLASSES; K += 4) {
        Error err = {0};
        Cocoop *cocoop = cocoop_create_untrained(bench->clip, bench->tokenizer, bench->pool,
                                                 bench->dataset.class_names, K, &config, &err);
        assert_non_null(cocoop);
        float *together = arena_floats(bench->arena, PROMPTS_IMAGES, (size_t)K),
              *single = arena_floats(bench->arena, PROMPTS_IMAGES, (size_t)K);
        assert_int_equal(cocoop_logits(cocoop, together, bench->test, PROMPTS_IMAGES, false, &err), 0);
        for (size_t i = 0; i < PROMPTS_IMAGES; i++)
            assert_int_equal(
                cocoop_logits(cocoop, single + i * (size_t)K, bench->test + i * E, 1, true, &err), 0);
        assert_close("single", together, single, PROMPTS_IMAGES * (size_t)K, 1e-5);
        cocoop_free(cocoop);
    }
}

static int stop(void *context, Error *err) {
    (void)context;
    return error_set(err, "enough");
}

static void test_stop(void **state) {
    PromptsBench *bench = *state;
    Error err = {0};
    const LearnerConfig config = {.n_ctx = 4, .ctx_init = ""};
    Cocoop *cocoop = cocoop_create_untrained(bench->clip, bench->tokenizer, bench->pool,
                                             bench->dataset.class_names, PROMPTS_CLASSES, &config, &err);
    float *logits = arena_floats(bench->arena, PROMPTS_IMAGES, PROMPTS_CLASSES);
    pool_set_stop(bench->pool, stop, NULL);
    assert_int_equal(cocoop_logits(cocoop, logits, bench->test, PROMPTS_IMAGES, false, &err), -1);
    assert_string_equal(err.text, "enough");
    pool_set_stop(bench->pool, NULL, NULL);
    cocoop_free(cocoop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_words, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_random, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_same_bits, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_together, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_stop, prompts_setup, prompts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
