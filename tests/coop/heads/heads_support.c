/* heads_support.c: see heads_support.h */
#include "tests/coop/heads/heads_support.h"

#include "clip/math/ops.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Waves with a share of the text of the class, image i (3 + 0.1 i) times as long as it comes out. */
static void fill_images(const HeadsBench *bench, float *x, int n, double a, double b, float share) {
    fill_waves(x, n, HEADS_E, a, b);
    for (int i = 0; i < n; i++)
        for (int e = 0; e < HEADS_E; e++) {
            float *at = &x[i * HEADS_E + e];
            *at = (*at + share * bench->text_unit[i % HEADS_K * HEADS_E + e]) * (3 + 0.1f * (float)i);
        }
}

static void fill_wide(float *x, int n, double a, double b) {
    fill_waves(x, n, HEADS_W, a, b);
    for (int i = 0; i < n * HEADS_W; i++)
        x[i] *= 4;
}

static void fill(HeadsBench *bench) {
    fill_waves(bench->text_unit, HEADS_K, HEADS_E, 1.0, 0.37);
    for (int i = 0; i < HEADS_K * HEADS_E; i++)
        bench->text[i] = bench->text_unit[i] * (2 + 0.3f * (float)(i / HEADS_E));
    for (int v = 0; v < HEADS_V; v++) {
        fill_images(bench, bench->raw + v * HEADS_N * HEADS_E, HEADS_N, 0.3 + v, 1.71, 0.08f);
        fill_wide(bench->wide + v * HEADS_N * HEADS_W, HEADS_N, 0.3 + v, 1.71);
    }
    unit_rows_forward(bench->images, NULL, bench->raw, HEADS_V * HEADS_N, HEADS_E);
    fill_images(bench, bench->val, HEADS_M, 0.7, 2.3, 0.06f);
    unit_rows_forward(bench->val, NULL, bench->val, HEADS_M, HEADS_E);
    fill_images(bench, bench->test_raw, HEADS_T, 2.0, 0.9, 0.06f);
    unit_rows_forward(bench->test, NULL, bench->test_raw, HEADS_T, HEADS_E);
    fill_wide(bench->wide_test, HEADS_T, 2.0, 0.9);
    for (int i = 0; i < HEADS_V * HEADS_N; i++)
        bench->labels[i] = i % HEADS_N % HEADS_K;
}

int heads_setup(void **state) {
    Arena *arena = arena_create();
    HeadsBench *bench = ARENA_NEW(arena, HeadsBench, 1);
    *bench = (HeadsBench){.arena = arena,
                          .pool = pool_create(2),
                          .fixture = fixture_open(FIXTURES "heads.safetensors"),
                          .text = arena_floats(arena, HEADS_K, HEADS_E),
                          .text_unit = arena_floats(arena, HEADS_K, HEADS_E),
                          .raw = arena_floats(arena, (size_t)HEADS_V * HEADS_N, HEADS_E),
                          .images = arena_floats(arena, (size_t)HEADS_V * HEADS_N, HEADS_E),
                          .val = arena_floats(arena, HEADS_M, HEADS_E),
                          .test = arena_floats(arena, HEADS_T, HEADS_E),
                          .test_raw = arena_floats(arena, HEADS_T, HEADS_E),
                          .wide = arena_floats(arena, (size_t)HEADS_V * HEADS_N, HEADS_W),
                          .wide_test = arena_floats(arena, HEADS_T, HEADS_W),
                          .labels = ARENA_NEW(arena, int, HEADS_V *HEADS_N)};
    fill(bench);
    *state = bench;
    return 0;
}

int heads_teardown(void **state) {
    HeadsBench *bench = *state;
    tensors_close(bench->fixture);
    pool_free(bench->pool);
    arena_free(bench->arena);
    return 0;
}

const float *heads_fixture(const HeadsBench *bench, const char *name) {
    size_t count;
    return fixture_floats(bench->fixture, name, bench->arena, &count);
}

TrainData heads_data(const HeadsBench *bench, const float *features, int embed_dim, bool as_rows) {
    return (TrainData){.features = features,
                       .labels = bench->labels,
                       .n = as_rows ? HEADS_V * HEADS_N : HEADS_N,
                       .n_views = 1,
                       .embed_dim = embed_dim};
}

OptimConfig heads_optim_of(OptimizerKind optimizer, double lr, double weight_decay, int max_epoch) {
    return (OptimConfig){.optimizer = optimizer,
                         .lr = lr,
                         .weight_decay = weight_decay,
                         .momentum = 0.9,
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-8,
                         .max_epoch = max_epoch,
                         .batch_size = 10,
                         .warmup_epoch = 1,
                         .warmup_cons_lr = 1e-5};
}

void heads_train(HeadsBench *bench, const Trainee *trainee, const TrainData *data, const OptimConfig *optim) {
    Error err = {0};
    TrainState state = trainer_begin(trainee, optim, bench->arena);
    if (trainer_run(trainee, data, optim, &state, NULL, NULL, NULL, &err) != 0)
        fail_msg("%s", err.text);
}

void heads_check(const HeadsBench *bench, const LinearClassifier *classifier, const char *name,
                 double tolerance) {
    float logits[HEADS_T * HEADS_K];
    linear_classifier_logits(classifier, bench->pool, logits, bench->test, HEADS_T);
    assert_close(name, logits, heads_fixture(bench, name), HEADS_T * HEADS_K, tolerance);
}

void heads_check_gradient(HeadsBench *bench, const Trainee *trainee, const float *images, int n, float step) {
    const size_t size = trainee->n_parameters;
    float *gradient = arena_floats(bench->arena, size, 1), *numeric = arena_floats(bench->arena, size, 1);
    float *ignored = arena_floats(bench->arena, size, 1);
    float *logits = arena_floats(bench->arena, (size_t)n, HEADS_K);
    trainee->loss(trainee->model, images, bench->labels, n, logits, gradient, NULL);
    for (size_t i = 0; i < size; i++) {
        float *x = &trainee->parameters[i], before = *x;
        *x = before + step;
        const float above = *x;
        const double high = trainee->loss(trainee->model, images, bench->labels, n, logits, ignored, NULL);
        *x = before - step;
        const double low = trainee->loss(trainee->model, images, bench->labels, n, logits, ignored, NULL);
        numeric[i] = (float)((high - low) / ((double)above - (double)*x));
        *x = before;
    }
    assert_close(trainee->name, gradient, numeric, size, 2e-3);
}
