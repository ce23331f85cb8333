/* test_tip_adapter.c: the cache of images: its gradient, and votes, training and search against PyTorch's. */
#include "coop/tip_adapter.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 3, E = 6, N = 300, N_VAL = 20, N_TEST = 4, EPOCHS = 3, SEED = 5 };

typedef struct {
    Arena *arena;
    Pool *pool;
    float text[K * E], images[N * E], val[N_VAL * E], test[N_TEST * E];
    int labels[N], val_labels[N_VAL];
} Bench;

static int setup(void **state) {
    Arena *arena = arena_create();
    Bench *bench = ARENA_NEW(arena, Bench, 1);
    *bench = (Bench){.arena = arena, .pool = pool_create(3)};
    fill_waves(bench->text, K, E, 1.0, 0.37);
    fill_waves(bench->images, N, E, 0.3, 1.71);
    fill_waves(bench->val, N_VAL, E, 0.7, 2.3);
    fill_waves(bench->test, N_TEST, E, 2.0, 0.9);
    for (int i = 0; i < N; i++)
        bench->labels[i] = i % K;
    for (int i = 0; i < N_VAL; i++)
        bench->val_labels[i] = 2 * i % K;
    *state = bench;
    return 0;
}

static int teardown(void **state) {
    Bench *bench = *state;
    pool_free(bench->pool);
    arena_free(bench->arena);
    return 0;
}

/* With the first n images as keys. */
static TipAdapter adapter_of(Bench *bench, int n, Pool *pool) {
    TipAdapter adapter = {.n_keys = n,
                          .n_classes = K,
                          .embed_dim = E,
                          .keys = arena_floats(bench->arena, (size_t)n, E),
                          .labels = bench->labels,
                          .text = bench->text,
                          .scale = expf(2.5f),
                          .alpha = 1.5,
                          .beta = 4,
                          .pool = pool};
    memcpy(adapter.keys, bench->images, (size_t)n * E * sizeof(float));
    return adapter;
}

static TrainData train_data(const Bench *bench) {
    return (TrainData){
        .features = bench->images, .labels = bench->labels, .n = N, .n_views = 1, .embed_dim = E};
}

static void train(Bench *bench, TipAdapter *adapter, double *loss) {
    const TrainData data = train_data(bench);
    const OptimConfig optim = tip_adapter_optim(0.05, EPOCHS);
    const Trainee *trainee = tip_adapter_trainee(adapter, SEED, bench->arena);
    TrainState state = trainer_begin(trainee, &optim, bench->arena);
    Error err = {0};
    if (trainer_run(trainee, &data, &optim, &state, NULL, NULL, NULL, &err) != 0)
        fail_msg("%s", err.text);
    *loss = state.loss;
}

/* All from a PyTorch 2 program: torch.manual_seed(5), one randperm per epoch, torch.optim.AdamW(lr=0.05,
 * eps=1e-4), CosineAnnealingLR over 6 steps, batches of 256 and 44. */
static void test_without_training(void **state) {
    static const float torch[] = {2.507f,    11.78446f, -1.010576f, 4.744567f, 8.353039f, -8.393766f,
                                  8.861039f, 4.980547f, -5.481209f, 11.57597f, 1.86588f,  6.626606f};
    Bench *bench = *state;
    float logits[N_TEST * K];
    TipAdapter adapter = adapter_of(bench, N, bench->pool);
    assert_int_equal(tip_adapter_logits(&adapter, logits, bench->test, N_TEST, NULL), 0);
    assert_close("logits", logits, torch, N_TEST * K, 2e-6);
}

static void test_training(void **state) {
    static const float torch[] = {1.274132f, 12.6498f,  -0.6029682f, 4.650607f, 8.374422f,  -8.502792f,
                                  9.253288f, 4.438971f, -5.312805f,  12.64992f, 0.4659986f, 7.937423f};
    Bench *bench = *state;
    float logits[N_TEST * K];
    double loss;
    TipAdapter adapter = adapter_of(bench, N, bench->pool);
    train(bench, &adapter, &loss);
    assert_true(fabs(loss - 8.0750253) < 1e-5);
    assert_int_equal(tip_adapter_logits(&adapter, logits, bench->test, N_TEST, NULL), 0);
    assert_close("logits", logits, torch, N_TEST * K, 1e-5);

    Error err = {0};
    assert_int_equal(tip_adapter_search(&adapter, bench->val, bench->val_labels, N_VAL, 3, 7, &err), 0);
    assert_true(fabs(adapter.alpha - 2.855) < 1e-12 && fabs(adapter.beta - 0.238) < 1e-12);
}

/* No pair of the grid is better than the one that is there. */
static void test_search_keeps_equals(void **state) {
    Bench *bench = *state;
    TipAdapter adapter = adapter_of(bench, N, bench->pool);
    assert_int_equal(tip_adapter_search(&adapter, bench->val, bench->val_labels, N_VAL, 3, 7, NULL), 0);
    assert_true(adapter.alpha == 1.5 && adapter.beta == 4);
}

static void test_gradient(void **state) {
    enum { KEYS = 7, B = 5 };
    Bench *bench = *state;
    float logits[B * K], affinity[B * KEYS], gradient[KEYS * E], ignored[KEYS * E], numeric[KEYS * E];
    TipAdapter adapter = adapter_of(bench, KEYS, bench->pool);
    adapter.scale = 2; /* so that the votes count */
    tip_adapter_loss(&adapter, bench->test, bench->labels, 4, logits, affinity, gradient, NULL);
    for (int i = 0; i < KEYS * E; i++) {
        const float step = 1e-2f;
        float before = adapter.keys[i];
        adapter.keys[i] = before + step;
        double above =
            tip_adapter_loss(&adapter, bench->test, bench->labels, 4, logits, affinity, ignored, NULL);
        adapter.keys[i] = before - step;
        double below =
            tip_adapter_loss(&adapter, bench->test, bench->labels, 4, logits, affinity, ignored, NULL);
        numeric[i] = (float)((above - below) / (2 * (double)step));
        adapter.keys[i] = before;
    }
    assert_close("gradient", gradient, numeric, KEYS * E, 2e-3);
}

static void test_threads(void **state) {
    Bench *bench = *state;
    double loss[2];
    float logits[2][N_TEST * K];
    TipAdapter adapters[2];
    for (int i = 0; i < 2; i++) {
        Pool *pool = pool_create(i == 0 ? 1 : 4);
        adapters[i] = adapter_of(bench, N, pool);
        train(bench, &adapters[i], &loss[i]);
        assert_int_equal(tip_adapter_search(&adapters[i], bench->val, bench->val_labels, N_VAL, 3, 7, NULL),
                         0);
        assert_int_equal(tip_adapter_logits(&adapters[i], logits[i], bench->test, N_TEST, NULL), 0);
        pool_free(pool);
    }
    assert_true(loss[0] == loss[1] && adapters[0].alpha == adapters[1].alpha &&
                adapters[0].beta == adapters[1].beta);
    assert_memory_equal(adapters[0].keys, adapters[1].keys, N * E * sizeof(float));
    assert_memory_equal(logits[0], logits[1], sizeof logits[0]);
}

static int stop_at_once(void *context, Error *err) {
    (void)context;
    return error_run(err, "stopped");
}

static void test_stop_and_bad_rate(void **state) {
    Bench *bench = *state;
    Error err = {0};
    float logits[N_TEST * K];
    Pool *pool = pool_create(2);
    TipAdapter adapter = adapter_of(bench, N, pool);
    const TrainData data = train_data(bench);
    const OptimConfig optim = tip_adapter_optim(1e30, EPOCHS);
    const Trainee *trainee = tip_adapter_trainee(&adapter, SEED, bench->arena);
    TrainState train_state = trainer_begin(trainee, &optim, bench->arena);
    assert_int_equal(trainer_run(trainee, &data, &optim, &train_state, NULL, NULL, NULL, &err), -1);
    assert_string_equal(err.text, "epoch 1: step 2: the loss is not finite");
    pool_set_stop(pool, stop_at_once, NULL);
    adapter = adapter_of(bench, N, pool);
    assert_int_equal(tip_adapter_search(&adapter, bench->val, bench->val_labels, N_VAL, 3, 7, &err), -1);
    assert_int_equal(tip_adapter_logits(&adapter, logits, bench->test, N_TEST, &err), -1);
    pool_free(pool);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_without_training), TEST(test_training),
                                       TEST(test_gradient),         TEST(test_search_keeps_equals),
                                       TEST(test_threads),          TEST(test_stop_and_bad_rate)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
