/* trainer.c: epochs, batches and stochastic gradient descent. */
#include "coop/trainer.h"

#include "clip/base/arena.h"

#include <assert.h>
#include <math.h>
#include <string.h>

double optim_lr(const OptimConfig *optim, int epoch) {
    if (epoch <= optim->warmup_epoch)
        return optim->warmup_cons_lr;
    if (optim->lr_scheduler == SCHEDULE_CONSTANT)
        return optim->lr;
    double progress = (double)(epoch - 1 - optim->warmup_epoch) / optim->max_epoch;
    return optim->lr / 2 * (1 + cos(M_PI * progress));
}

/* PyTorch's SGD:  g = grad + weight_decay x;  velocity = momentum velocity + g;  x -= lr velocity. */
static void sgd_step(float *x, float *velocity, const float *grad, size_t n, const OptimConfig *optim,
                     double lr) {
    float decay = (float)optim->weight_decay, momentum = (float)optim->momentum, rate = (float)lr;
    for (size_t i = 0; i < n; i++) {
        velocity[i] = momentum * velocity[i] + (grad[i] + decay * x[i]);
        x[i] -= rate * velocity[i];
    }
}

/* Room for one step. */
typedef struct {
    int *order;    /* (n) */
    float *images; /* (B, E) */
    int *labels;   /* (B) */
    float *logits; /* (B, K) */
    float *grad;   /* (n_parameters) */
} StepBuffers;

static void gather_batch(const StepBuffers *b, const TrainData *data, const float *view, int first, int B) {
    size_t E = (size_t)data->embed_dim;
    for (int i = 0; i < B; i++) {
        int item = b->order[first + i];
        memcpy(b->images + (size_t)i * E, view + (size_t)item * E, E * sizeof(float));
        b->labels[i] = data->labels[item];
    }
}

/* A loss shows what the step before it did; what the last step did shows here. */
static bool is_finite(const Trainee *trainee) {
    for (size_t i = 0; i < trainee->n_parameters; i++)
        if (!isfinite(trainee->parameters[i]))
            return false;
    return true;
}

void trainer_order(int *order, int n, const Rng *generator, int epoch) {
    Rng rng = *generator;
    for (int e = 1; e <= epoch; e++)
        rng_torch_permutation(&rng, order, n);
}

int trainer_steps(const TrainData *data, const OptimConfig *optim) {
    return data->n >= optim->batch_size ? data->n / optim->batch_size : 1;
}

/* What is left of an epoch; fills the report. Returns 1 when stopped. */
static int run_epoch(const Trainee *trainee, const TrainData *data, const OptimConfig *optim,
                     TrainState *state, const StepBuffers *b, EpochReport *report, StepFn on_step,
                     void *context, Error *err) {
    int epoch = state->epoch + 1, n_steps = trainer_steps(data, optim);
    int B = data->n < optim->batch_size ? data->n : optim->batch_size;
    const float *view =
        data->features + (size_t)((epoch - 1) % data->n_views) * (size_t)data->n * (size_t)data->embed_dim;
    double lr = optim_lr(optim, epoch);
    for (int i = 0; i < data->n; i++)
        b->order[i] = i;
    if (optim->shuffle)
        trainer_order(b->order, data->n, trainee->generator, epoch);
    while (state->step < n_steps) {
        int n_correct;
        gather_batch(b, data, view, state->step * B, B);
        double loss = trainee->loss(trainee->model, b->images, b->labels, B, b->logits, b->grad, &n_correct);
        if (!isfinite(loss))
            return error_run(err, "epoch %d: step %d: the loss is not finite", epoch, state->step + 1);
        sgd_step(trainee->parameters, state->velocity, b->grad, trainee->n_parameters, optim, lr);
        state->step++;
        state->loss_sum += loss;
        state->n_correct += n_correct;
        if (on_step && on_step(context, epoch, state->step, lr, loss, state) != 0)
            return 1;
    }
    if (!is_finite(trainee))
        return error_run(err, "epoch %d: step %d: %s is not finite", epoch, state->step, trainee->name);
    *report = (EpochReport){.epoch = epoch,
                            .n_steps = n_steps,
                            .lr = lr,
                            .loss = state->loss_sum / n_steps,
                            .accuracy = (double)state->n_correct / ((double)n_steps * B)};
    state->epoch = epoch;
    state->loss = report->loss;
    state->step = 0;
    state->loss_sum = 0;
    state->n_correct = 0;
    return 0;
}

int trainer_run(const Trainee *trainee, const TrainData *data, const OptimConfig *optim, TrainState *state,
                EpochFn on_epoch, StepFn on_step, void *context, Error *err) {
    assert(data->n >= 1 && data->n_views >= 1 && optim->batch_size >= 1);
    Arena *arena = arena_create();
    size_t n = (size_t)data->n, B = n < (size_t)optim->batch_size ? n : (size_t)optim->batch_size;
    StepBuffers buffers = {.order = ARENA_NEW(arena, int, n),
                           .images = arena_floats(arena, B, (size_t)data->embed_dim),
                           .labels = ARENA_NEW(arena, int, B),
                           .logits = arena_floats(arena, B, (size_t)trainee->n_classes),
                           .grad = arena_floats(arena, trainee->n_parameters, 1)};
    int result = arena_failed(arena) ? error_memory(err) : 0;
    while (result == 0 && state->epoch < optim->max_epoch) {
        EpochReport report;
        result = run_epoch(trainee, data, optim, state, &buffers, &report, on_step, context, err);
        if (result == 0 && on_epoch && on_epoch(context, &report, state) != 0)
            result = 1;
    }
    arena_free(arena);
    return result;
}
