/* test_clip_adapter.c: the network beside the features: its start, its gradient, and 20 steps against the
 * authors' program from weights that are formulas.
 */
#include "coop/heads/clip_adapter.h"
#include "tests/coop/heads/heads_support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { H = HEADS_E / 4 };

static ClipAdapterConfig config_of(const HeadsBench *bench, Pool *pool) {
    return (ClipAdapterConfig){.loss = {.n_classes = HEADS_K,
                                        .embed_dim = HEADS_E,
                                        .text = bench->text_unit,
                                        .logit_scale = HEADS_LOGIT_SCALE,
                                        .max_batch = HEADS_N,
                                        .pool = pool},
                               .reduction = 4,
                               .ratio = 0.2,
                               .seed = 5};
}

static ClipAdapter *waved(HeadsBench *bench, Pool *pool) {
    const ClipAdapterConfig config = config_of(bench, pool);
    ClipAdapter *adapter = clip_adapter_create(&config, bench->arena);
    fill_waves(clip_adapter_trainee(adapter)->parameters, H, HEADS_E, 0.4, 0.83);
    fill_waves(clip_adapter_trainee(adapter)->parameters + H * HEADS_E, HEADS_E, H, 0.9, 1.13);
    return adapter;
}

static void train(HeadsBench *bench, ClipAdapter *adapter, float *logits) {
    const TrainData data = heads_data(bench, bench->raw, HEADS_E, false);
    const OptimConfig optim = heads_optim_of(OPTIMIZER_SGD, 0.01, 5e-4, 10);
    const ClipAdapterConfig config = config_of(bench, bench->pool);
    float g[HEADS_T * HEADS_E];
    heads_train(bench, clip_adapter_trainee(adapter), &data, &optim);
    assert_int_equal(clip_adapter_features(adapter, g, bench->test_raw, HEADS_T, NULL), 0);
    image_logits(&config.loss, logits, g, HEADS_T);
}

static void test_reference(void **state) {
    HeadsBench *bench = *state;
    float logits[HEADS_T * HEADS_K], fresh[HEADS_T * HEADS_K];
    train(bench, waved(bench, bench->pool), logits);
    assert_close("logits", logits, heads_fixture(bench, "clip_adapter"), HEADS_T * HEADS_K, 1e-4);
    train(bench, waved(bench, NULL), fresh);
    assert_memory_equal(logits, fresh, sizeof logits);
}

static void test_gradient(void **state) {
    HeadsBench *bench = *state;
    ClipAdapterConfig config = config_of(bench, bench->pool);
    config.loss.logit_scale = 3;
    config.ratio = 0.7;
    float images[HEADS_N * HEADS_E];
    ClipAdapter *adapter = clip_adapter_create(&config, bench->arena);
    float *parameters = clip_adapter_trainee(adapter)->parameters;
    fill_normal(parameters, 2 * H * HEADS_E, 1, 3); /* far from where an activation bends */
    fill_normal(images, HEADS_N * HEADS_E, 1, 4);
    heads_check_gradient(bench, clip_adapter_trainee(adapter), images, HEADS_N, 1e-3f);
}

/* torch.manual_seed(5); the weights of Linear(64, 16), then Linear(16, 64), both without bias. */
static void test_start(void **state) {
    HeadsBench *bench = *state;
    static const float first[] = {0.08256297f, -0.09347227f, 0.10186742f},
                       behind[] = {0.19271958f, -0.02097186f, 0.01449460f};
    const ClipAdapterConfig config = config_of(bench, NULL);
    const float *w = clip_adapter_trainee(clip_adapter_create(&config, bench->arena))->parameters;
    assert_close("W1", w, first, 3, 1e-6);
    assert_close("W2", w + H * HEADS_E, behind, 3, 1e-6);
}

int main(void) {
    const struct CMUnitTest tests[] = {HEADS_TEST(test_reference), HEADS_TEST(test_gradient),
                                       HEADS_TEST(test_start)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
