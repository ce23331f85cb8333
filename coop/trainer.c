/* trainer.c: epochs, batches and stochastic gradient descent on the contexts. */
#include "coop/trainer.h"

#include "clip/base/random.h"

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

/* PyTorch's SGD:  g = grad + weight_decay ctx;  velocity = momentum velocity + g;  ctx -= lr velocity. */
static void sgd_step(float *ctx, float *velocity, const float *grad, size_t n, const OptimConfig *optim,
                     double lr) {
    float decay = (float)optim->weight_decay, momentum = (float)optim->momentum, rate = (float)lr;
    for (size_t i = 0; i < n; i++) {
        velocity[i] = momentum * velocity[i] + (grad[i] + decay * ctx[i]);
        ctx[i] -= rate * velocity[i];
    }
}

/* Room for one step. */
typedef struct {
    int *order;    /* (n) */
    float *images; /* (B, E) */
    int *labels;   /* (B) */
    float *logits; /* (B, K) */
    float *grad;   /* like the contexts */
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
static bool ctx_is_finite(PromptLearner *learner) {
    const float *ctx = learner_ctx(learner);
    for (size_t i = 0; i < learner_ctx_size(learner); i++)
        if (!isfinite(ctx[i]))
            return false;
    return true;
}

/* The order of a plain PyTorch loop: one randperm per epoch, from the generator that the start of the
 * contexts was drawn from. Those of earlier epochs are drawn again, so an epoch's order needs nothing from
 * before. */
static void epoch_order(int *order, const TrainData *data, const OptimConfig *optim, const Rng *generator,
                        int epoch) {
    for (int i = 0; i < data->n; i++)
        order[i] = i;
    Rng rng = *generator;
    for (int e = 1; optim->shuffle && e <= epoch; e++)
        rng_torch_permutation(&rng, order, data->n);
}

int trainer_steps(const TrainData *data, const OptimConfig *optim) {
    return data->n >= optim->batch_size ? data->n / optim->batch_size : 1;
}

/* What is left of an epoch; fills the report. Returns 1 when stopped. */
static int run_epoch(PromptLearner *learner, const TrainData *data, const OptimConfig *optim,
                     TrainState *state, const StepBuffers *b, EpochReport *report, StepFn on_step,
                     void *context, Error *err) {
    int epoch = state->epoch + 1, n_steps = trainer_steps(data, optim);
    int B = data->n < optim->batch_size ? data->n : optim->batch_size;
    const float *view =
        data->features + (size_t)((epoch - 1) % data->n_views) * (size_t)data->n * (size_t)data->embed_dim;
    double lr = optim_lr(optim, epoch);
    epoch_order(b->order, data, optim, learner_generator(learner), epoch);
    while (state->step < n_steps) {
        int n_correct;
        gather_batch(b, data, view, state->step * B, B);
        double loss = learner_loss(learner, b->images, b->labels, B, b->logits, b->grad, &n_correct);
        if (!isfinite(loss))
            return error_run(err, "epoch %d: step %d: the loss is not finite", epoch, state->step + 1);
        sgd_step(learner_ctx(learner), state->velocity, b->grad, learner_ctx_size(learner), optim, lr);
        state->step++;
        state->loss_sum += loss;
        state->n_correct += n_correct;
        if (on_step && on_step(context, epoch, state->step, lr, loss, state) != 0)
            return 1;
    }
    if (!ctx_is_finite(learner))
        return error_run(err, "epoch %d: step %d: the contexts are not finite", epoch, state->step);
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

int trainer_run(PromptLearner *learner, const TrainData *data, const OptimConfig *optim, TrainState *state,
                EpochFn on_epoch, StepFn on_step, void *context, Error *err) {
    assert(data->n >= 1 && data->n_views >= 1 && optim->batch_size >= 1);
    Arena *arena = arena_create();
    size_t n = (size_t)data->n, B = n < (size_t)optim->batch_size ? n : (size_t)optim->batch_size;
    StepBuffers buffers = {.order = ARENA_NEW(arena, int, n),
                           .images = arena_floats(arena, B, (size_t)data->embed_dim),
                           .labels = ARENA_NEW(arena, int, B),
                           .logits = arena_floats(arena, B, (size_t)learner_tree(learner)->n_prompts),
                           .grad = arena_floats(arena, learner_ctx_size(learner), 1)};
    int result = arena_failed(arena) ? error_memory(err) : 0;
    while (result == 0 && state->epoch < optim->max_epoch) {
        EpochReport report;
        result = run_epoch(learner, data, optim, state, &buffers, &report, on_step, context, err);
        if (result == 0 && on_epoch && on_epoch(context, &report, state) != 0)
            result = 1;
    }
    arena_free(arena);
    return result;
}
