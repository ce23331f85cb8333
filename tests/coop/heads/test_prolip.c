/* test_prolip.c: the image projection: its gradient, and 20 steps against the authors' program. */
#include "coop/heads/prolip.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static ProlipConfig config_of(HeadsBench *bench, bool has_bias, Pool *pool) {
    float *proj = arena_floats(bench->arena, HEADS_W, HEADS_E),
          *w0 = arena_floats(bench->arena, HEADS_E, HEADS_W);
    float *bias = arena_floats(bench->arena, HEADS_E, 1);
    fill_waves(proj, HEADS_W, HEADS_E, 0.6, 0.77);
    fill_waves(bias, 1, HEADS_E, 0.2, 0.5);
    for (int e = 0; e < HEADS_E; e++)
        for (int c = 0; c < HEADS_W; c++)
            w0[e * HEADS_W + c] = proj[c * HEADS_E + e];
    return (ProlipConfig){.loss = {.n_classes = HEADS_K,
                                   .embed_dim = HEADS_E,
                                   .text = bench->text_unit,
                                   .logit_scale = HEADS_LOGIT_SCALE,
                                   .max_batch = HEADS_N,
                                   .pool = pool},
                          .width = HEADS_W,
                          .w0 = w0,
                          .bias = has_bias ? bias : NULL,
                          .lambda = 0.25};
}

/* The authors' program begins with the second view. */
static void train(HeadsBench *bench, const ProlipConfig *config, float *logits) {
    const size_t view = (size_t)HEADS_N * HEADS_W;
    float *turned = arena_floats(bench->arena, HEADS_V, view), g[HEADS_T * HEADS_E];
    memcpy(turned, bench->wide + view, view * sizeof *turned);
    memcpy(turned + view, bench->wide, view * sizeof *turned);
    TrainData data = heads_data(bench, turned, HEADS_W, false);
    data.n_views = HEADS_V;
    OptimConfig optim = heads_optim_of(OPTIMIZER_ADAM, 1e-3, 0, 20);
    optim.epsilon = 1e-4;
    optim.warmup_epoch = 0;
    optim.batch_size = HEADS_N;
    Prolip *prolip = prolip_create(config, bench->arena);
    heads_train(bench, prolip_trainee(prolip), &data, &optim);
    prolip_features(prolip, g, bench->wide_test, HEADS_T);
    image_logits(&config->loss, logits, g, HEADS_T);
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    for (int has_bias = 0; has_bias < 2; has_bias++) {
        float logits[HEADS_T * HEADS_K], single[HEADS_T * HEADS_K];
        const ProlipConfig config = config_of(bench, has_bias, bench->pool),
                           alone = config_of(bench, has_bias, NULL);
        train(bench, &config, logits);
        assert_close("logits", logits, heads_fixture(bench, has_bias ? "prolip.rn" : "prolip.vit"),
                     HEADS_T * HEADS_K, 1e-4);
        train(bench, &alone, single);
        assert_memory_equal(logits, single, sizeof logits);
    }
}

static void test_gradient(void **state) {
    HeadsBench *bench = *state;
    ProlipConfig config = config_of(bench, true, bench->pool);
    config.loss.logit_scale = 1;
    const Trainee *trainee = prolip_trainee(prolip_create(&config, bench->arena));
    for (size_t i = 0; i < trainee->n_parameters; i++)
        trainee->parameters[i] += 0.1f * (float)sin(5.0 * (double)i);
    heads_check_gradient(bench, trainee, bench->wide, HEADS_N, 1e-2f);
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_gradient)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
