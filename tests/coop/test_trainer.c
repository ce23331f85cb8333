/* test_trainer.c: schedules, steps, batches, and trainings that are stopped, written to disk and resumed by
 * another learner. (Whole trajectories against the original code: test_prompt_learner.c.) */
#include "coop/train_state.h"
#include "coop/trainer.h"

#include "tests/support/learner_support.h"
#include "tests/support/scratch.h"
#include "tests/support/support.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { N = BENCH_ITEMS, B = BENCH_BATCH, EPOCHS = BENCH_EPOCHS, STEPS = EPOCHS * (N / B) };

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
    int result = trainer_run(learner_trainee(learner), &bench->data, &bench->optim, state, on_epoch, on_step,
                             watch, &err);
    if (result < 0)
        fail_msg("%s", err.text);
    return result;
}

/* Stopped after any step, and after two steps in a row, then finished: the bits of a run in one go. */
static void check_resume(Bench *bench, int n_steps) {
    for (int csc = 0; csc < 2; csc++) {
        PromptLearner *whole = bench_learner(bench, csc, 3);
        TrainState end = bench_state(bench, whole);
        Watch expected = {0};
        size_t size = learner_ctx_size(whole) * sizeof(float);
        assert_int_equal(train(bench, whole, &end, &expected), 0);
        assert_int_equal(expected.n_steps, n_steps);
        assert_int_equal(expected.n_reports, EPOCHS);
        for (int first = 1; first <= n_steps; first += scratch_instrumented() ? 4 : 1) {
            Watch watch = {.stop_after = first};
            PromptLearner *learner = bench_learner(bench, csc, 3);
            TrainState state = bench_state(bench, learner);
            Error err = {0};
            assert_int_equal(train(bench, learner, &state, &watch), 1);
            for (int part = 0; part < 2; part++) {
                state.seconds = 1.5 * (part + 1);
                if (train_state_write(bench->path, learner_trainee(learner), &state, "digest", &err) < 0)
                    fail_msg("%s", err.text);
                learner_free(learner);
                learner = bench_learner(bench, csc, 3);
                state = bench_state(bench, learner);
                if (train_state_read(bench->path, learner_trainee(learner), &state, "digest", &err) < 0)
                    fail_msg("%s", err.text);
                assert_true(state.seconds == 1.5 * (part + 1));
                watch.stop_after = part == 0 ? watch.n_steps + 1 : 0;
                if (part == 0 && watch.n_steps == n_steps)
                    watch.stop_after = 0; /* only the epoch is left to close */
                int stopped = train(bench, learner, &state, &watch);
                assert_int_equal(stopped, watch.stop_after != 0);
            }
            assert_int_equal(watch.n_steps, n_steps);
            assert_int_equal(watch.n_reports, EPOCHS);
            assert_memory_equal(watch.reports, expected.reports, sizeof watch.reports);
            assert_memory_equal(learner_ctx(learner), learner_ctx(whole), size);
            for (int i = 0; i < end.optimizer.n_buffers; i++)
                assert_memory_equal(state.optimizer.buffers[i].values, end.optimizer.buffers[i].values, size);
            assert_int_equal(state.epoch, EPOCHS);
            assert_true(state.loss == end.loss);
            learner_free(learner);
        }
        learner_free(whole);
    }
}

static void test_resume(void **test) {
    Bench *bench = *test;
    check_resume(bench, STEPS);
    bench->optim = (OptimConfig){.optimizer = OPTIMIZER_ADAMW,
                                 .lr = 0.01,
                                 .weight_decay = 0.01,
                                 .beta1 = 0.9,
                                 .beta2 = 0.99,
                                 .epsilon = 1e-8,
                                 .max_epoch = EPOCHS,
                                 .batch_size = B,
                                 .lr_by_step = true,
                                 .shuffle = true,
                                 .keep_last = true};
    check_resume(bench, STEPS + EPOCHS);
}

/* --- which images, in which order --- */

/* The items of every step, known from their losses: with a rate of 0 the contexts stay, so every item of
 * every view has a loss of its own. */
typedef struct {
    double loss[BENCH_VIEWS][N];
    int correct[BENCH_VIEWS][N];
    int view[EPOCHS][N], item[EPOCHS][N]; /* of each step */
    double step_loss[EPOCHS][N];
    int n_steps[EPOCHS];
    EpochReport reports[EPOCHS];
} Order;

static int note_epoch(void *context, const EpochReport *report, const TrainState *state) {
    (void)state;
    ((Order *)context)->reports[report->epoch - 1] = *report;
    return 0;
}

static int note_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    Order *order = context;
    (void)state;
    assert_true(lr == 0);
    assert_true(step == order->n_steps[epoch - 1] + 1 && step <= N);
    order->n_steps[epoch - 1] = step;
    order->step_loss[epoch - 1][step - 1] = loss;
    for (int v = 0; v < BENCH_VIEWS; v++)
        for (int i = 0; i < N; i++)
            if (loss == order->loss[v][i]) {
                order->view[epoch - 1][step - 1] = v;
                order->item[epoch - 1][step - 1] = i;
            }
    return 0;
}

static void find_order(Order *order, Bench *bench, int batch_size, bool keep_last, bool shuffle,
                       uint32_t seed) {
    Error err = {0};
    PromptLearner *learner = bench_learner(bench, false, seed);
    OptimConfig optim = {
        .max_epoch = EPOCHS, .batch_size = batch_size, .shuffle = shuffle, .keep_last = keep_last};
    TrainState state = trainer_begin(learner_trainee(learner), &optim, bench->arena);
    float logits[BENCH_CLASSES];
    int E = bench->data.embed_dim;
    *order = (Order){0};
    for (int v = 0; v < BENCH_VIEWS; v++)
        for (int i = 0; i < N; i++)
            order->loss[v][i] = learner_loss(learner, bench->features + (size_t)(v * N + i) * (size_t)E,
                                             &bench->data.labels[i], 1, logits, NULL, &order->correct[v][i]);
    if (trainer_run(learner_trainee(learner), &bench->data, &optim, &state, note_epoch, note_step, order,
                    &err) != 0)
        fail_msg("%s", err.text);
    learner_free(learner);
}

static void test_order(void **test) {
    Bench *bench = *test;
    Order order, again, other, straight;
    find_order(&order, bench, 1, false, true, 3);
    find_order(&again, bench, 1, false, true, 3);
    find_order(&other, bench, 1, false, true, 4);
    find_order(&straight, bench, 1, false, false, 3);
    for (int e = 0; e < EPOCHS; e++) {
        int seen[N] = {0};
        assert_int_equal(order.n_steps[e], N);
        for (int i = 0; i < N; i++) {
            seen[order.item[e][i]]++;
            assert_int_equal(order.view[e][i], e % BENCH_VIEWS); /* views in turn */
            assert_int_equal(straight.item[e][i], i);
        }
        for (int i = 0; i < N; i++)
            assert_int_equal(seen[i], 1);
    }
    PromptLearner *learner = bench_learner(bench, false, 3);
    /* one permutation per epoch, from where the start of the contexts left the generator */
    Rng rng = *learner_trainee(learner)->generator;
    for (int e = 0; e < EPOCHS; e++) {
        int expected[N];
        rng_torch_permutation(&rng, expected, N);
        for (int i = 0; i < N; i++)
            assert_int_equal(order.item[e][i], expected[i]);
    }
    learner_free(learner);
    assert_memory_equal(order.item, again.item, sizeof order.item);
    assert_memory_not_equal(order.item, other.item, sizeof order.item);
    assert_memory_not_equal(order.item[0], order.item[1], sizeof order.item[0]);
    assert_memory_not_equal(order.item[1], order.item[2], sizeof order.item[1]);
}

/* Batches follow the same order whatever their size; what is left over is dropped, unless it is all there is,
 * or is a smaller batch. */
static void test_batches(void **test) {
    Bench *bench = *test;
    Order single, batched;
    const int sizes[] = {4, 13, 14, 2, 6, 7, 12, 1000};
    const int n_dropping[] = {3, 1, 1, 6, 2, 1, 1, 1}, n_keeping[] = {4, 1, 1, 7, 3, 2, 2, 1};
    const size_t n_sizes = scratch_instrumented() ? 3 : sizeof sizes / sizeof *sizes;
    find_order(&single, bench, 1, false, true, 3);
    for (size_t s = 0; s < 2 * n_sizes; s++) {
        bool keep_last = s % 2;
        int n_steps = (keep_last ? n_keeping : n_dropping)[s / 2];
        find_order(&batched, bench, sizes[s / 2], keep_last, true, 3);
        for (int e = 0; e < EPOCHS; e++) {
            double loss = 0, correct = 0;
            int used = 0;
            assert_int_equal(batched.n_steps[e], n_steps);
            for (int step = 0; step < n_steps; step++) {
                double mean = 0;
                int left = N - used, size = sizes[s / 2] < left ? sizes[s / 2] : left;
                for (int i = used; i < used + size; i++) {
                    mean += single.loss[single.view[e][i]][single.item[e][i]] / size;
                    correct += single.correct[single.view[e][i]][single.item[e][i]];
                }
                assert_true(fabs(batched.step_loss[e][step] - mean) <= 1e-6 * mean);
                loss += mean / n_steps;
                used += size;
            }
            assert_true(fabs(batched.reports[e].loss - loss) <= 1e-6 * loss);
            assert_true(batched.reports[e].accuracy == correct / used);
        }
    }
}

/* An epoch that ends early, with the accuracy of what it has seen. */
static void test_epoch_steps(void **test) {
    Bench *bench = *test;
    PromptLearner *learner = bench_learner(bench, false, 3);
    Watch watch = {0};
    bench->optim.epoch_steps = 2;
    TrainState state = bench_state(bench, learner);
    assert_int_equal(trainer_steps(&bench->data, &bench->optim), 2);
    assert_int_equal(train(bench, learner, &state, &watch), 0);
    assert_int_equal(watch.n_steps, 2 * EPOCHS);
    assert_true(watch.reports[0].accuracy * 2 * B == floor(watch.reports[0].accuracy * 2 * B));
    bench->optim.epoch_steps = 1000;
    assert_int_equal(trainer_steps(&bench->data, &bench->optim), N / B);
    learner_free(learner);
}

/* --- steps --- */

static int stop_after_epoch(void *context, const EpochReport *report, const TrainState *state) {
    assert_int_equal(report->epoch, state->epoch);
    *(EpochReport *)context = *report;
    return 1;
}

/* PyTorch's SGD, number by number: v = momentum v + grad + decay ctx, ctx -= lr v. */
static void test_sgd(void **test) {
    Bench *bench = *test;
    Error err = {0};
    PromptLearner *learner = bench_learner(bench, true, 3);
    size_t n = learner_ctx_size(learner);
    double *velocity = ARENA_NEW(bench->arena, double, n);
    float *grad = arena_floats(bench->arena, n, 1), *want = arena_floats(bench->arena, n, 1);
    float *moved = arena_floats(bench->arena, n, 1), *want_velocity = arena_floats(bench->arena, n, 1);
    float logits[N * BENCH_CLASSES];
    OptimConfig optim = {.lr = 0.5,
                         .momentum = 0.8,
                         .weight_decay = 0.3,
                         .max_epoch = 5,
                         .batch_size = N,
                         .warmup_epoch = 2,
                         .warmup_cons_lr = 0.01};
    TrainState state = trainer_begin(learner_trainee(learner), &optim, bench->arena);
    for (int epoch = 1; epoch <= 5; epoch++) {
        double lr = epoch <= 2 ? 0.01 : 0.25 * (1 + cos(M_PI * (epoch - 3) / 5));
        int n_correct;
        const float *ctx = learner_ctx(learner);
        const float *view = bench->features + (size_t)((epoch - 1) % 2 * N) * (size_t)bench->data.embed_dim;
        double loss = learner_loss(learner, view, bench->data.labels, N, logits, grad, &n_correct);
        for (size_t i = 0; i < n; i++) {
            velocity[i] = 0.8 * velocity[i] + (double)grad[i] + 0.3 * (double)ctx[i];
            want[i] =
                (float)(-lr * velocity[i]); /* the step itself: beside the contexts it would hardly count */
            want_velocity[i] = (float)velocity[i];
            moved[i] = ctx[i];
        }
        EpochReport report;
        assert_int_equal(trainer_run(learner_trainee(learner), &bench->data, &optim, &state, stop_after_epoch,
                                     NULL, &report, &err),
                         1);
        for (size_t i = 0; i < n; i++)
            moved[i] = ctx[i] - moved[i];
        assert_close("step", moved, want, n, 1e-4);
        assert_close("velocity", state.optimizer.buffers[0].values, want_velocity, n, 1e-5);
        assert_true(report.epoch == epoch && report.n_steps == 1 && fabs(report.lr - lr) < 1e-15);
        assert_true(report.loss == loss && state.loss == loss);
        assert_true(report.accuracy == (double)n_correct / N);
    }
    EpochReport untouched = {.epoch = -1};
    assert_int_equal(trainer_run(learner_trainee(learner), &bench->data, &optim, &state, stop_after_epoch,
                                 NULL, &untouched, &err),
                     0);
    assert_int_equal(untouched.epoch, -1); /* all done: nothing is */
    learner_free(learner);
}

/* A loss that is not a number stops the run where it came up, and a step into infinity at the end of its
 * epoch. */
static void test_not_finite(void **test) {
    Bench *bench = *test;
    Error err = {0};
    size_t E = (size_t)bench->data.embed_dim;
    PromptLearner *learner = bench_learner(bench, false, 3);
    TrainState state = bench_state(bench, learner);
    bench->optim.shuffle = false;
    bench->features[(N + 9) * E + 5] = NAN; /* view 2, third batch */
    assert_int_equal(
        trainer_run(learner_trainee(learner), &bench->data, &bench->optim, &state, NULL, NULL, NULL, &err),
        -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "epoch 2: step 3: the loss is not finite");
    assert_int_equal(state.epoch, 1);
    assert_int_equal(state.step, 2);
    for (size_t i = 0; i < learner_ctx_size(learner); i++)
        assert_true(isfinite(learner_ctx(learner)[i]));

    state = bench_state(bench, learner);
    bench->optim.batch_size = N;
    bench->optim.warmup_cons_lr = INFINITY;
    assert_int_equal(
        trainer_run(learner_trainee(learner), &bench->data, &bench->optim, &state, NULL, NULL, NULL, &err),
        -1);
    assert_int_equal(err.kind, ERROR_RUN);
    assert_string_equal(err.text, "epoch 1: step 1: ctx is not finite");
    assert_int_equal(state.epoch, 0);
    learner_free(learner);
}

/* Fewer items than a batch: one step with all of them; else the last incomplete batch is dropped, or kept. */
static void test_steps(void **test) {
    (void)test;
    TrainData data = {.n = 33};
    OptimConfig optim = {.batch_size = 32};
    assert_int_equal(trainer_steps(&data, &optim), 1);
    data.n = 31;
    assert_int_equal(trainer_steps(&data, &optim), 1);
    data.n = 96;
    assert_int_equal(trainer_steps(&data, &optim), 3);
    optim.keep_last = true;
    assert_int_equal(trainer_steps(&data, &optim), 3);
    data.n = 97;
    assert_int_equal(trainer_steps(&data, &optim), 4);
    data.n = 31;
    assert_int_equal(trainer_steps(&data, &optim), 1);
}

static double rate(const OptimConfig *optim, int epoch) {
    assert_true(optim_lr(optim, epoch, 1, 7) == optim_lr(optim, epoch, 7, 7));
    return optim_lr(optim, epoch, 1, 7);
}

/* PROTOCOL: epoch 1 at 1e-5, epoch e >= 2 at 0.001 (1 + cos(pi (e - 2) / E)). */
static void test_schedule(void **test) {
    (void)test;
    OptimConfig optim = {.lr = 0.002, .max_epoch = 50, .warmup_epoch = 1, .warmup_cons_lr = 1e-5};
    assert_true(rate(&optim, 1) == 1e-5);
    for (int e = 2; e <= 50; e++)
        assert_true(fabs(rate(&optim, e) - 0.001 * (1 + cos(M_PI * (e - 2) / 50))) < 1e-15);
    optim.lr_scheduler = SCHEDULE_CONSTANT;
    assert_true(rate(&optim, 1) == 1e-5 && rate(&optim, 2) == 0.002 && rate(&optim, 50) == 0.002);
    optim.warmup_epoch = 0;
    assert_true(rate(&optim, 1) == 0.002);
}

/* Those of Dassl's schedulers around PyTorch's StepLR and MultiStepLR. */
static void test_schedule_of_steps(void **test) {
    (void)test;
    OptimConfig optim = {
        .lr = 1, .max_epoch = 10, .lr_scheduler = SCHEDULE_STEP, .gamma = 0.5, .step_epochs = 3};
    const double every3[] = {1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125};
    for (int e = 1; e <= 10; e++)
        assert_true(rate(&optim, e) == every3[e - 1]);
    optim.step_epochs = 0;
    optim.milestones = "2 5 5";
    const double milestones[] = {1, 1, 0.5, 0.5, 0.5, 0.125, 0.125};
    for (int e = 1; e <= 7; e++)
        assert_true(rate(&optim, e) == milestones[e - 1]);
    optim.warmup_epoch = 4; /* counted from its end */
    optim.warmup_cons_lr = 1e-3;
    optim.warmup_type = WARMUP_LINEAR;
    const double warm[] = {1e-3, 0.25, 0.5, 0.75, 1, 1, 0.5, 0.5, 0.5, 0.125};
    for (int e = 1; e <= 10; e++)
        assert_true(rate(&optim, e) == warm[e - 1]);
}

/* A step of its own for each of the 3 steps of an epoch, from lr down to near 0. */
static void test_schedule_by_step(void **test) {
    (void)test;
    OptimConfig optim = {.lr = 0.002, .max_epoch = 5, .lr_by_step = true};
    for (int t = 0; t < 15; t++)
        assert_true(fabs(optim_lr(&optim, 1 + t / 3, 1 + t % 3, 3) - 0.001 * (1 + cos(M_PI * t / 15))) <
                    1e-15);
    optim.warmup_epoch = 1;
    optim.warmup_cons_lr = 1e-5;
    assert_true(optim_lr(&optim, 1, 3, 3) == 1e-5 && optim_lr(&optim, 2, 1, 3) == 0.002);
}

/* --- images made for each batch, so many steps --- */

enum { LOADED = 5, LOADED_BATCH = 2, LOADED_STEPS = 7 }; /* 3 steps an epoch: the third ends after one */

typedef struct {
    float parameter;
    int n_loads, n_items;
    int said[LOADED_BATCH], n_said, said_epoch; /* to be loaded next */
} Loaded;

static void prepare(void *context, const int *items, int size, int epoch) {
    Loaded *loaded = context;
    assert_int_equal(loaded->n_said, 0);
    memcpy(loaded->said, items, (size_t)size * sizeof *items);
    loaded->n_said = size;
    loaded->said_epoch = epoch;
}

static int load(void *context, float *images, const int *items, int size, int epoch, int step, Error *err) {
    Loaded *loaded = context;
    (void)err;
    assert_int_equal(epoch, 1 + loaded->n_loads / 3);
    assert_int_equal(step, 1 + loaded->n_loads % 3);
    assert_int_equal(size, step == 3 ? 1 : LOADED_BATCH);
    for (int i = 0; i < size; i++)
        images[i] = (float)items[i];
    if (loaded->n_loads > 0) {
        assert_true(loaded->n_said == size && loaded->said_epoch == epoch);
        assert_memory_equal(loaded->said, items, (size_t)size * sizeof *items);
    }
    loaded->n_said = 0;
    loaded->n_loads++;
    loaded->n_items += size;
    return 0;
}

static double loaded_loss(void *model, const float *images, const int *labels, int size, float *logits,
                          float *gradient, int *n_correct) {
    (void)model, (void)logits;
    for (int i = 0; i < size; i++)
        assert_true(images[i] == (float)labels[i]);
    *gradient = 1;
    *n_correct = 0;
    return 1;
}

static int no_load(void *context, float *images, const int *items, int size, int epoch, int step,
                   Error *err) {
    (void)context, (void)images, (void)items, (void)size, (void)epoch, (void)step;
    return error_set(err, "an image is not there");
}

/* The training ends within an epoch, after so many steps, and a cosine over them ends there too. */
static void test_loaded(void **test) {
    (void)test;
    Arena *arena = arena_create();
    Loaded loaded = {0};
    Rng generator;
    Error err = {0};
    const int labels[LOADED] = {0, 1, 2, 3, 4};
    rng_torch_seed(&generator, 1);
    const Trainee trainee = {.name = "x",
                             .parameters = &loaded.parameter,
                             .n_parameters = 1,
                             .n_classes = LOADED,
                             .generator = &generator,
                             .loss = loaded_loss};
    TrainData data = {
        .load = load, .prepare = prepare, .context = &loaded, .labels = labels, .n = LOADED, .n_views = 1};
    OptimConfig optim = {.lr = 0.5,
                         .max_epoch = 3,
                         .batch_size = LOADED_BATCH,
                         .lr_by_step = true,
                         .max_steps = LOADED_STEPS,
                         .lr_min = 0.1,
                         .shuffle = true,
                         .keep_last = true};
    data.embed_dim = 1;
    TrainState state = trainer_begin(&trainee, &optim, arena);
    assert_int_equal(trainer_run(&trainee, &data, &optim, &state, NULL, NULL, NULL, &err), 0);
    assert_int_equal(loaded.n_loads, LOADED_STEPS);
    assert_int_equal(loaded.n_said, 0); /* nothing comes behind the last */
    assert_int_equal(loaded.n_items, 2 * LOADED + LOADED_BATCH);
    assert_true(state.epoch == 3 && state.step == 0 && state.loss == 1);
    double sum = 0;
    for (int t = 0; t < LOADED_STEPS; t++) {
        double want = 0.1 + 0.2 * (1 + cos(M_PI * t / LOADED_STEPS));
        assert_true(fabs(optim_lr(&optim, 1 + t / 3, 1 + t % 3, 3) - want) < 1e-15);
        sum += want;
    }
    assert_true(fabs((double)loaded.parameter + sum) < 1e-6);
    data.load = no_load;
    state = trainer_begin(&trainee, &optim, arena);
    assert_int_equal(trainer_run(&trainee, &data, &optim, &state, NULL, NULL, NULL, &err), -1);
    assert_string_equal(err.text, "an image is not there");
    arena_free(arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_resume, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_order, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_batches, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_epoch_steps, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_sgd, bench_setup, bench_teardown),
        cmocka_unit_test_setup_teardown(test_not_finite, bench_setup, bench_teardown),
        cmocka_unit_test(test_steps),
        cmocka_unit_test(test_schedule),
        cmocka_unit_test(test_schedule_of_steps),
        cmocka_unit_test(test_schedule_by_step),
        cmocka_unit_test(test_loaded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
