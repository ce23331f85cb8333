/* test_text_adapter.c: a layer behind the text encoder: its gradient, and whole trainings against PyTorch's.
 */
#include "coop/text_adapter.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

enum { K = 3, E = 6, N = 10, B = 4, EPOCHS = 5, SEED = 3 };
static const float LOGIT_SCALE = 2.5f;

typedef struct {
    Arena *arena;
    Pool *pool;
    float text[K * E], images[N * E];
    int labels[N];
} Bench;

static int setup(void **state) {
    Arena *arena = arena_create();
    Bench *bench = ARENA_NEW(arena, Bench, 1);
    *bench = (Bench){.arena = arena, .pool = pool_create(2)};
    fill_waves(bench->text, K, E, 1.0, 0.37);
    fill_waves(bench->images, N, E, 0.3, 1.71);
    for (int i = 0; i < N; i++)
        bench->labels[i] = i % K;
    *state = bench;
    return 0;
}

static int teardown(void **state) {
    Bench *bench = *state;
    pool_free(bench->pool);
    arena_free(bench->arena);
    return 0;
}

static TextAdapter *adapter_of(Bench *bench, TextLayer layer) {
    TextAdapter *adapter =
        text_adapter_create(layer, bench->text, K, E, LOGIT_SCALE, SEED, bench->pool, bench->arena);
    assert_non_null(adapter);
    return adapter;
}

/* Before the first step it is CLIP without training. */
static void test_start(void **state) {
    Bench *bench = *state;
    for (TextLayer layer = TEXT_LINEAR; layer <= TEXT_BIAS; layer++) {
        float features[K * E];
        text_adapter_features(adapter_of(bench, layer), features);
        assert_close("text features", features, bench->text, K * E, 1e-6);
    }
}

static double loss_at(Bench *bench, const Trainee *trainee, float *gradient, int *n_correct) {
    float logits[N * K];
    return trainee->loss(trainee->model, bench->images, bench->labels, N, logits, gradient, n_correct);
}

/* Each parameter by central differences, at a place that is not special. */
static void test_gradient(void **state) {
    Bench *bench = *state;
    for (TextLayer layer = TEXT_LINEAR; layer <= TEXT_BIAS; layer++) {
        const Trainee *trainee = text_adapter_trainee(adapter_of(bench, layer));
        size_t n = trainee->n_parameters;
        assert_int_equal(n, layer == TEXT_LINEAR ? E * E : E);
        float gradient[E * E], numeric[E * E], ignored[E * E];
        int n_correct;
        for (size_t i = 0; i < n; i++)
            trainee->parameters[i] += 0.3f * (float)sin(5.0 * (double)i);
        loss_at(bench, trainee, gradient, &n_correct);
        for (size_t i = 0; i < n; i++) {
            const float step = 1e-2f;
            float before = trainee->parameters[i];
            trainee->parameters[i] = before + step;
            double above = loss_at(bench, trainee, ignored, &n_correct);
            trainee->parameters[i] = before - step;
            numeric[i] = (float)((above - loss_at(bench, trainee, ignored, &n_correct)) / (2 * (double)step));
            trainee->parameters[i] = before;
        }
        assert_close(trainee->name, gradient, numeric, n, 2e-3);
    }
}

typedef struct {
    double losses[EPOCHS];
} Trace;

static int on_epoch(void *context, const EpochReport *report, const TrainState *state) {
    (void)state;
    ((Trace *)context)->losses[report->epoch - 1] = report->loss;
    return 0;
}

/* From a PyTorch 2 loop: torch.manual_seed(3), one randperm per epoch, torch.optim.SGD, the same schedule. */
static const struct {
    TextLayer layer;
    float losses[EPOCHS], features[K * E];
} TORCH[] = {{TEXT_LINEAR,
              {2.2117863f, 2.0261541f, 1.4380875f, 0.9442862f, 0.7001821f},
              {-0.2857085f, 0.4759588f, 0.6054369f, -0.2132089f, -0.1948545f, 0.4917863f, -0.0748416f,
               -0.4248064f, -0.1142095f, -0.1440809f, -0.6587452f, -0.5883791f, 0.3478231f, -0.2386675f,
               -0.5678803f, 0.3142787f, 0.6140890f, -0.1539239f}},
             {TEXT_BIAS,
              {2.2119280f, 2.4885716f, 1.4823227f, 1.3225985f, 1.1897429f},
              {-0.2121628f, 0.0507393f, 0.3867284f, 0.4699141f, 0.4651744f, 0.6046877f, -0.7271507f,
               -0.5394087f, -0.1545101f, -0.0599689f, 0.0049183f, 0.3908916f, -0.5450341f, -0.2950417f,
               0.0538837f, 0.2475899f, 0.3898362f, 0.6322276f}}};

static void test_training(void **state) {
    Bench *bench = *state;
    TrainData data = {
        .features = bench->images, .labels = bench->labels, .n = N, .n_views = 1, .embed_dim = E};
    OptimConfig optim = {.lr = 0.05,
                         .momentum = 0.9,
                         .weight_decay = 5e-4,
                         .max_epoch = EPOCHS,
                         .batch_size = B,
                         .lr_scheduler = SCHEDULE_COSINE,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 1e-5,
                         .shuffle = true};
    for (size_t i = 0; i < sizeof TORCH / sizeof *TORCH; i++) {
        TextAdapter *adapter = adapter_of(bench, TORCH[i].layer);
        const Trainee *trainee = text_adapter_trainee(adapter);
        TrainState train_state = trainer_begin(trainee, &optim, bench->arena);
        Trace trace = {0};
        float features[K * E], losses[EPOCHS];
        Error err = {0};
        assert_int_equal(trainer_run(trainee, &data, &optim, &train_state, on_epoch, NULL, &trace, &err), 0);
        for (int e = 0; e < EPOCHS; e++)
            losses[e] = (float)trace.losses[e];
        text_adapter_features(adapter, features);
        assert_close("losses", losses, TORCH[i].losses, EPOCHS, 1e-5);
        assert_close("features", features, TORCH[i].features, K * E, 1e-5);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {TEST(test_start), TEST(test_gradient), TEST(test_training)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
