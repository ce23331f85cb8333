/* test_trainer.c: coop/trainer.c and coop/train_state.c: schedules, and trainings that are stopped, written
 * to disk and resumed by another learner. (The steps themselves: test_prompt_learner.c.) */
#include "coop/train_state.h"
#include "coop/trainer.h"

#include "clip/ops.h"
#include "tests/scratch.h"
#include "tests/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { N = 13, B = 4, EPOCHS = 3, STEPS = EPOCHS * (N / B) };

typedef struct {
    void *scratch;
    char path[512];
    Arena *arena;
    Pool *pool;
    Clip *clip;
    Tokenizer *tokenizer;
    TrainData data;
    OptimConfig optim;
} Bench;

static const char *NAMES[] = {"cup", "old_key", "star"};

static int setup(void **state) {
    Bench *bench = calloc(1, sizeof *bench);
    Error err = {0};
    if (!bench || scratch_setup(&bench->scratch))
        return -1;
    *state = bench;
    scratch_path(&bench->scratch, "state.safetensors", bench->path, sizeof bench->path);
    bench->arena = arena_create();
    bench->pool = pool_create(2);
    bench->clip = clip_open(FIXTURES "clip_vit.safetensors", CLIP_TEXT, &err);
    bench->tokenizer = tokenizer_open(FIXTURES "merges.txt.gz", 204, &err);
    if (!bench->clip || !bench->tokenizer)
        fail_msg("%s", err.text);
    int E = bench->clip->embed_dim, *labels = ARENA_NEW(bench->arena, int, N);
    float *features = arena_floats(bench->arena, 2 * N, (size_t)E);
    fill_normal(features, 2 * N * (size_t)E, 1, 5);
    unit_rows_forward(features, NULL, features, 2 * N, E);
    for (int i = 0; i < N; i++)
        labels[i] = i * 7 % 3;
    bench->data = (TrainData){.features = features, .labels = labels, .n = N, .n_views = 2, .embed_dim = E};
    bench->optim = (OptimConfig){.lr = 0.02,
                                 .momentum = 0.9,
                                 .weight_decay = 5e-4,
                                 .max_epoch = EPOCHS,
                                 .batch_size = B,
                                 .warmup_epoch = 1,
                                 .warmup_cons_lr = 1e-5,
                                 .shuffle = true};
    return 0;
}

static int teardown(void **state) {
    Bench *bench = *state;
    tokenizer_free(bench->tokenizer);
    clip_free(bench->clip);
    pool_free(bench->pool);
    arena_free(bench->arena);
    int result = scratch_teardown(&bench->scratch);
    free(bench);
    return result;
}

static PromptLearner *create(Bench *bench, bool csc) {
    Error err = {0};
    LearnerConfig config = {.n_ctx = 3, .csc = csc, .ctx_init = "", .seed = 3};
    PromptLearner *learner =
        learner_create(bench->clip, bench->tokenizer, bench->pool, NAMES, 3, &config, 0, &err);
    if (!learner)
        fail_msg("%s", err.text);
    return learner;
}

/* What a run reports, and when it is told to stop. */
typedef struct {
    EpochReport reports[EPOCHS + 1];
    int n_reports, n_steps, stop_after; /* steps; 0: never */
} Watch;

static int on_epoch(void *context, const EpochReport *report, const TrainState *state) {
    Watch *watch = context;
    assert_int_equal(report->epoch, state->epoch);
    assert_int_equal(state->step, 0);
    watch->reports[watch->n_reports++] = *report;
    return 0;
}

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    Watch *watch = context;
    assert_int_equal(epoch, state->epoch + 1);
    assert_int_equal(step, state->step);
    assert_true(lr > 0 && loss > 0);
    return ++watch->n_steps == watch->stop_after;
}

static int train(Bench *bench, PromptLearner *learner, TrainState *state, Watch *watch) {
    Error err = {0};
    int result = trainer_run(learner, &bench->data, &bench->optim, state, on_epoch, on_step, watch, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    return result;
}

static TrainState fresh_state(Bench *bench, const PromptLearner *learner) {
    return (TrainState){.velocity = arena_floats(bench->arena, learner_ctx_size(learner), 1)};
}

/* Stopped after any step, and after two steps in a row, then finished: the bits of a run in one go. */
static void test_resume(void **test) {
    Bench *bench = *test;
    for (int csc = 0; csc < 2; csc++) {
        PromptLearner *whole = create(bench, csc);
        TrainState end = fresh_state(bench, whole);
        Watch expected = {0};
        size_t size = learner_ctx_size(whole) * sizeof(float);
        assert_int_equal(train(bench, whole, &end, &expected), 0);
        assert_int_equal(expected.n_steps, STEPS);
        assert_int_equal(expected.n_reports, EPOCHS);
        for (int first = 1; first <= STEPS; first++) {
            Watch watch = {.stop_after = first};
            PromptLearner *learner = create(bench, csc);
            TrainState state = fresh_state(bench, learner);
            Error err = {0};
            assert_int_equal(train(bench, learner, &state, &watch), 1);
            for (int part = 0; part < 2; part++) {
                state.seconds = 1.5 * (part + 1);
                if (train_state_write(bench->path, learner, &state, "digest", &err))
                    fail_msg("%s", err.text);
                learner_free(learner);
                learner = create(bench, csc);
                state = fresh_state(bench, learner);
                if (train_state_read(bench->path, learner, &state, "digest", &err))
                    fail_msg("%s", err.text);
                assert_true(state.seconds == 1.5 * (part + 1));
                watch.stop_after = part == 0 ? watch.n_steps + 1 : 0;
                if (part == 0 && watch.n_steps == STEPS)
                    watch.stop_after = 0; /* only the epoch is left to close */
                int stopped = train(bench, learner, &state, &watch);
                assert_int_equal(stopped, watch.stop_after != 0);
            }
            assert_int_equal(watch.n_steps, STEPS);
            assert_int_equal(watch.n_reports, EPOCHS);
            assert_memory_equal(watch.reports, expected.reports, sizeof watch.reports);
            assert_memory_equal(learner_ctx(learner), learner_ctx(whole), size);
            assert_memory_equal(state.velocity, end.velocity, size);
            assert_int_equal(state.epoch, EPOCHS);
            assert_true(state.loss == end.loss);
            learner_free(learner);
        }
        learner_free(whole);
    }
}

/* Any cut, another configuration and foreign files are refused and change nothing. */
static void test_refusals(void **test) {
    Bench *bench = *test;
    PromptLearner *learner = create(bench, false);
    TrainState state = fresh_state(bench, learner);
    Watch watch = {.stop_after = 4};
    Error err = {0};
    train(bench, learner, &state, &watch);
    assert_int_equal(train_state_write(bench->path, learner, &state, "digest", &err), 0);
    size_t n = learner_ctx_size(learner);
    float *before = arena_floats(bench->arena, n, 1);
    memcpy(before, learner_ctx(learner), n * sizeof *before);
    TrainState other = fresh_state(bench, learner);
    assert_int_equal(train_state_read(bench->path, learner, &other, "digets", &err), -1);
    assert_non_null(strstr(err.text, "another configuration"));

    FILE *file = fopen(bench->path, "rb");
    static char bytes[65536];
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    assert_in_range(size, 2 * n * sizeof(float), sizeof bytes - 1);
    for (size_t cut = 0; cut < size; cut += cut < 1000 ? 1 : 97) {
        scratch_file(bench->path, bytes, cut);
        assert_int_equal(train_state_read(bench->path, learner, &other, "digest", &err), -1);
        assert_int_equal(strncmp(err.text, bench->path, strlen(bench->path)), 0);
    }
    assert_memory_equal(before, learner_ctx(learner), n * sizeof *before);
    assert_int_equal(other.epoch + other.step, 0);
    PromptLearner *wider = create(bench, true);
    scratch_file(bench->path, bytes, size);
    assert_int_equal(train_state_read(bench->path, wider, &other, "digest", &err), -1);
    assert_int_equal(train_state_read(FIXTURES "clip_vit.safetensors", learner, &other, "digest", &err), -1);
    assert_int_equal(train_state_read(bench->path, learner, &other, "digest", &err), 0);
    assert_int_equal(other.epoch, 1);
    assert_int_equal(other.step, 1);
    learner_free(wider);
    learner_free(learner);
}

/* Fewer items than a batch: one step with all of them; else the last incomplete batch is dropped. */
static void test_steps(void **test) {
    (void)test;
    TrainData data = {.n = 33};
    OptimConfig optim = {.batch_size = 32};
    assert_int_equal(trainer_steps(&data, &optim), 1);
    data.n = 31;
    assert_int_equal(trainer_steps(&data, &optim), 1);
    data.n = 96;
    assert_int_equal(trainer_steps(&data, &optim), 3);
}

/* PROTOCOL: epoch 1 at 1e-5, epoch e >= 2 at 0.001 (1 + cos(pi (e - 2) / E)). */
static void test_schedule(void **test) {
    (void)test;
    OptimConfig optim = {.lr = 0.002, .max_epoch = 50, .warmup_epoch = 1, .warmup_cons_lr = 1e-5};
    assert_true(optim_lr(&optim, 1) == 1e-5);
    for (int e = 2; e <= 50; e++)
        assert_true(fabs(optim_lr(&optim, e) - 0.001 * (1 + cos(M_PI * (e - 2) / 50))) < 1e-15);
    optim.lr_scheduler = SCHEDULE_CONSTANT;
    assert_true(optim_lr(&optim, 1) == 1e-5 && optim_lr(&optim, 2) == 0.002 && optim_lr(&optim, 50) == 0.002);
    optim.warmup_epoch = 0;
    assert_true(optim_lr(&optim, 1) == 0.002);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(test_resume, setup, teardown),
                                       cmocka_unit_test_setup_teardown(test_refusals, setup, teardown),
                                       cmocka_unit_test(test_steps), cmocka_unit_test(test_schedule)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
