/* TCP against the authors' program: a random start with the templates of one dataset, words with those of
 * another, vectors before two different blocks.
 */
#include "coop/prompts/tcp.h"

#include "coop/prompts/templates.h"
#include "coop/zeroshot.h"
#include "tests/support/prompts_support.h"
#include "tests/support/support.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void check_logits(PromptsBench *bench, Tcp *tcp, const char *of, const char *what, double tolerance) {
    const int E = bench->clip->embed_dim, n = PROMPTS_IMAGES, K = PROMPTS_CLASSES;
    float *text = arena_floats(bench->arena, (size_t)K, (size_t)E),
          *logits = arena_floats(bench->arena, (size_t)n, (size_t)K);
    tcp_text_features(tcp, text);
    cosine_logits(bench->pool, logits, bench->test, text, n, K, E, bench->clip->logit_scale);
    prompts_check_logits(bench, of, what, logits, tolerance);
}

/* The tensors of a case in the order of the parameters; a check of the gradient, and of each part of it. */
static const char *const parts[] = {"ctx", "meta_net.linear1.weight", "meta_net.linear1.bias",
                                    "meta_net.linear2.weight", "meta_net.linear2.bias"};

static size_t part_size(PromptsBench *bench, const char *of, int part) {
    size_t n;
    prompts_expected(bench, of, parts[part], &n);
    return n;
}

static Tcp *create(PromptsBench *bench, const TcpConfig *config, const char *template, size_t budget) {
    Error err = {0};
    Tcp *tcp = tcp_create(bench->clip, bench->tokenizer, bench->pool, bench->dataset.class_names,
                          PROMPTS_CLASSES, config, prompts_texts(bench, template), budget, &err);
    if (!tcp)
        fail_msg("%s", err.text);
    return tcp;
}

static void check_case(PromptsBench *bench, const char *of, const TcpConfig *config, const char *template) {
    Tcp *tcp = create(bench, config, template, 0);
    const Trainee *trainee = tcp_trainee(tcp);
    size_t n = 0;
    for (int i = 0; i < 5; i++) {
        prompts_copy(bench, of, parts[i], trainee->parameters + n, part_size(bench, of, i));
        n += part_size(bench, of, i);
    }
    assert_int_equal(n, trainee->n_parameters);
    check_logits(bench, tcp, of, "logits", 1e-4);
    float *gradient = arena_floats(bench->arena, n, 1),
          *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    tcp_loss(tcp, bench->train, bench->labels, 6, logits, gradient, NULL);
    size_t from = 0;
    for (int i = 0; i < 5; i++) {
        const size_t size = part_size(bench, of, i);
        const float *expected =
            prompts_expected(bench, of, arena_printf(bench->arena, "%s.grad", parts[i]), NULL);
        assert_close(parts[i], gradient + from, expected, size, 1e-4);
        prompts_check_gradient(bench, trainee, 6, from, from + size);
        from += size;
    }
    OptimConfig optim = prompts_optim(6);
    optim.optimizer = OPTIMIZER_ADAM;
    optim.beta1 = 0.9;
    optim.beta2 = 0.999;
    optim.epsilon = 1e-3;
    prompts_train(bench, of, trainee, 6, optim);
    check_logits(bench, tcp, of, "logits_end", 1e-3);
    tcp_free(tcp);
}

static void test_random(void **state) {
    const TcpConfig config = {.prompts = {.n_ctx = 4, .ctx_init = "", .around = tcp_around("oxford_pets")},
                              .layer = 1,
                              .weight = 8};
    check_case(*state, "tcp_random", &config, "a photo of a {}, a type of pet.");
}

static void test_words(void **state) {
    PromptsBench *bench = *state;
    const TcpConfig config = {
        .prompts = {.n_ctx = 4, .ctx_init = "", .around = tcp_around("ucf101")}, .layer = 2, .weight = 8};
    check_case(bench, "tcp_words", &config, "a photo of a person doing {}.");
}

/* The same bits for any budget and number of threads, wherever the name stands and whatever M is. */
static void test_same_bits(void **state) {
    PromptsBench *bench = *state;
    float *logits = arena_floats(bench->arena, 6, PROMPTS_CLASSES);
    for (int i = 0; i < 6; i++) {
        const TcpConfig config = {.prompts = {.n_ctx = i % 2 ? 60 : 1,
                                              .ctx_init = "",
                                              .class_token_position = (ClassTokenPosition)(i / 2)},
                                  .layer = 1,
                                  .weight = 8};
        float *gradients[3];
        double losses[3];
        size_t n = 0;
        for (int k = 0; k < 3; k++) {
            Pool *pool = bench->pool;
            if (k == 2)
                bench->pool = pool_create(1);
            Tcp *tcp = create(bench, &config, "a photo of a {}.", k == 1);
            n = tcp_trainee(tcp)->n_parameters;
            gradients[k] = arena_floats(bench->arena, n, 1);
            losses[k] = tcp_loss(tcp, bench->train, bench->labels, 6, logits, gradients[k], NULL);
            if (k == 0)
                prompts_check_gradient(bench, tcp_trainee(tcp), 6, 0, n);
            tcp_free(tcp);
            if (k == 2)
                pool_free(bench->pool);
            bench->pool = pool;
        }
        for (int k = 1; k < 3; k++) {
            assert_true(losses[k] == losses[0]);
            assert_memory_equal(gradients[k], gradients[0], n * sizeof(float));
        }
    }
}

static void test_layers(void **state) {
    PromptsBench *bench = *state;
    for (int layer = 0; layer < 4; layer++) {
        Error err = {0};
        const TcpConfig config = {.prompts = {.n_ctx = 4, .ctx_init = ""}, .layer = layer};
        const bool is_there = layer == 1 || layer == 2;
        assert_int_equal(tcp_check(bench->clip, bench->tokenizer, bench->dataset.class_names, PROMPTS_CLASSES,
                                   &config, &err),
                         is_there ? 4 : -1);
        assert_true(is_there || strstr(err.text, "has blocks 0 to 2"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_random, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_words, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_same_bits, prompts_setup, prompts_teardown),
        cmocka_unit_test_setup_teardown(test_layers, prompts_setup, prompts_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
