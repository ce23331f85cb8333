/* trainer.c: epochs, batches and steps. */
#include "coop/trainer.h"

#include "clip/base/minimum.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER_ROWS = 32 }; /* of a tile */

/* How many steps down there are in so many epochs. */
static int steps_down(const OptimConfig *optim, int epochs) {
    int n = optim->step_epochs > 0 ? epochs / optim->step_epochs : 0;
    const char *at = optim->milestones ? optim->milestones : "";
    for (char *end; *at; at = end) {
        const long milestone = strtol(at, &end, 10);
        if (end == at)
            break;
        n += milestone <= epochs;
    }
    return n;
}

double optim_lr(const OptimConfig *optim, int epoch, int step, int n_steps) {
    if (epoch <= optim->warmup_epoch)
        return epoch > 1 && optim->warmup_type == WARMUP_LINEAR
                   ? optim->lr * (epoch - 1) / optim->warmup_epoch
                   : optim->warmup_cons_lr;
    if (optim->lr_scheduler == SCHEDULE_STEP)
        return optim->lr * pow(optim->gamma, steps_down(optim, epoch - 1 - optim->warmup_epoch));
    if (optim->lr_scheduler == SCHEDULE_CONSTANT)
        return optim->lr;
    if (optim->max_steps) {
        double share = ((epoch - 1.0) * n_steps + (step - 1)) / (double)optim->max_steps;
        return optim->lr_min + (optim->lr - optim->lr_min) / 2 * (1 + cos(M_PI * share));
    }
    double done = epoch - 1 - optim->warmup_epoch, all = optim->max_epoch;
    /* Multiplied and divided in this order, either way, so that results keep their bits. */
    double angle =
        optim->lr_by_step ? M_PI * (done * n_steps + (step - 1)) / (all * n_steps) : M_PI * (done / all);
    return optim->lr / 2 * (1 + cos(angle));
}

int trainer_steps(const TrainData *data, const OptimConfig *optim) {
    int whole = data->n / optim->batch_size, rest = data->n % optim->batch_size;
    int n = whole == 0 || (optim->keep_last && rest > 0) ? whole + 1 : whole;
    return optim->epoch_steps > 0 && optim->epoch_steps < n ? optim->epoch_steps : n;
}

long trainer_total_steps(const TrainData *data, const OptimConfig *optim) {
    return optim->max_steps ? optim->max_steps : (long)optim->max_epoch * trainer_steps(data, optim);
}

TrainState trainer_begin(const Trainee *trainee, const OptimConfig *optim, Arena *arena) {
    typedef Optimizer (*Create)(size_t, double, double, double, double, Arena *);
    static const Create of_betas[] = {[OPTIMIZER_ADAMW] = optimizer_adamw,
                                      [OPTIMIZER_ADAM] = optimizer_adam,
                                      [OPTIMIZER_AMSGRAD] = optimizer_amsgrad,
                                      [OPTIMIZER_RADAM] = optimizer_radam};
    const size_t n = trainee->n_parameters;
    const double decay = optim->weight_decay;
    if (optim->optimizer == OPTIMIZER_SGD)
        return (TrainState){.optimizer = optimizer_sgd(n, optim->momentum, decay, arena)};
    if (optim->optimizer == OPTIMIZER_RMSPROP)
        return (TrainState){
            .optimizer = optimizer_rmsprop(n, optim->alpha, optim->momentum, optim->epsilon, decay, arena)};
    return (TrainState){
        .optimizer = of_betas[optim->optimizer](n, optim->beta1, optim->beta2, optim->epsilon, decay, arena)};
}

void trainer_gather(const Trainee *trainee, const TrainState *state) {
    if (trainee->spread)
        trainee->spread->gather(trainee->spread->context, &state->optimizer);
}

/* One call of trainer_run, with room for one step. */
typedef struct {
    const Trainee *trainee;
    const TrainData *data;
    const OptimConfig *optim;
    TrainState *state;
    int n_steps;   /* per epoch */
    long n_in_all; /* of the training */
    EpochFn on_epoch;
    StepFn on_step;
    void *context;
    int *order;    /* (n): of epoch n_drawn */
    int *next;     /* (n): that of the next epoch; NULL: nobody asks */
    Rng generator; /* behind the orders that are drawn */
    int n_drawn;
    float *images;   /* (B, E) */
    int *labels;     /* (B) */
    float *logits;   /* (B, K) */
    float *gradient; /* (n_parameters) */
} Run;

static void order_of_next_epoch(const Run *run, int *order, Rng *generator) {
    for (int i = 0; i < run->data->n && !run->optim->shuffle; i++)
        order[i] = i;
    if (run->optim->shuffle)
        rng_torch_permutation(generator, order, run->data->n);
}

/* The order of the items in an epoch, as a plain PyTorch loop draws it: one randperm per epoch. A resumed run
 * draws those of earlier epochs again, so that an epoch's order needs nothing from before. */
static void draw_order(Run *run, int epoch) {
    for (; run->n_drawn < epoch; run->n_drawn++)
        order_of_next_epoch(run, run->order, &run->generator);
}

/* Of a step from 0. */
static int batch_size(const Run *run, int step) {
    int left = run->data->n - step * run->optim->batch_size;
    return left < run->optim->batch_size ? left : run->optim->batch_size;
}

/* Says what the step behind the present one will load. */
static void prepare_next(const Run *run) {
    const TrainData *data = run->data;
    const TrainState *state = run->state;
    if (!run->next || (long)state->epoch * run->n_steps + state->step + 1 >= run->n_in_all)
        return;
    const bool same = state->step + 1 < run->n_steps;
    const int step = same ? state->step + 1 : 0, epoch = state->epoch + (same ? 1 : 2);
    Rng ahead = run->generator;
    if (!same)
        order_of_next_epoch(run, run->next, &ahead);
    const int *order = same ? run->order : run->next;
    data->prepare(data->context, order + step * run->optim->batch_size, batch_size(run, step), epoch);
}

typedef struct {
    const Run *run;
    const int *items; /* (B) */
    int B;
} Gather;

static void gather_rows(void *context, int tile, int worker) {
    (void)worker;
    const Gather *gather = context;
    const Run *run = gather->run;
    const TrainData *data = run->data;
    const size_t E = (size_t)data->embed_dim, view = (size_t)(run->state->epoch % data->n_views);
    const float *features = data->features + view * (size_t)data->n * E;
    const int end = min_int(gather->B, (tile + 1) * GATHER_ROWS);
    for (int i = tile * GATHER_ROWS; i < end; i++)
        memcpy(run->images + (size_t)i * E, features + (size_t)gather->items[i] * E, E * sizeof *features);
}

/* Fills images and labels for the next step. */
static int gather_batch(const Run *run, Error *err) {
    const TrainData *data = run->data;
    const int *items = run->order + run->state->step * run->optim->batch_size;
    const int B = batch_size(run, run->state->step);
    for (int i = 0; i < B; i++)
        run->labels[i] = data->labels[items[i]];
    if (!data->features)
        return data->load(data->context, run->images, items, B, run->state->epoch + 1, run->state->step + 1,
                          err);
    Gather gather = {run, items, B};
    pool_run(run->trainee->pool, ceil_div(B, GATHER_ROWS), gather_rows, &gather);
    return 0;
}

/* Returns 1 when on_step stops the training. */
static int take_step(const Run *run, Error *err) {
    const Trainee *trainee = run->trainee;
    TrainState *state = run->state;
    int epoch = state->epoch + 1, step = state->step + 1, n_correct, B = batch_size(run, state->step);
    if (gather_batch(run, err) < 0)
        return -1;
    prepare_next(run);
    double lr = optim_lr(run->optim, epoch, step, run->n_steps);
    double loss =
        trainee->loss(trainee->model, run->images, run->labels, B, run->logits, run->gradient, &n_correct);
    if (!isfinite(loss))
        return error_run(err, "epoch %d: step %d: the loss is not finite", epoch, step);
    const long t = (long)state->epoch * run->n_steps + step;
    if (trainee->spread)
        trainee->spread->step(trainee->spread->context, &state->optimizer, run->gradient, lr, t);
    else
        optimizer_step(&state->optimizer, trainee->parameters, run->gradient, lr, t, trainee->pool);
    state->step = step;
    state->loss_sum += loss;
    state->n_correct += n_correct;
    return run->on_step && run->on_step(run->context, epoch, step, lr, loss, state) != 0;
}

/* A loss shows what the step before it did; what the last step did shows here. */
static bool is_finite(const Trainee *trainee) {
    for (size_t i = 0; i < trainee->n_parameters; i++)
        if (!isfinite(trainee->parameters[i]))
            return false;
    return !trainee->spread || trainee->spread->is_finite(trainee->spread->context);
}

/* What is left of an epoch. Returns 1 when a callback stops the training. */
static int run_epoch(Run *run, Error *err) {
    TrainState *state = run->state;
    const long left = run->n_in_all - (long)state->epoch * run->n_steps;
    int epoch = state->epoch + 1, n_steps = left < run->n_steps ? (int)left : run->n_steps, result;
    draw_order(run, epoch);
    while (state->step < n_steps)
        if ((result = take_step(run, err)) != 0)
            return result;
    if (!is_finite(run->trainee))
        return error_run(err, "epoch %d: step %d: %s is not finite", epoch, n_steps, run->trainee->name);
    long room = (long)n_steps * run->optim->batch_size, n_seen = room < run->data->n ? room : run->data->n;
    EpochReport report = {.epoch = epoch,
                          .n_steps = n_steps,
                          .lr = optim_lr(run->optim, epoch, n_steps, run->n_steps),
                          .loss = state->loss_sum / n_steps,
                          .accuracy = (double)state->n_correct / (double)n_seen};
    state->epoch = epoch;
    state->loss = report.loss;
    state->step = 0;
    state->loss_sum = 0;
    state->n_correct = 0;
    return run->on_epoch && run->on_epoch(run->context, &report, state) != 0;
}

int trainer_run(const Trainee *trainee, const TrainData *data, const OptimConfig *optim, TrainState *state,
                EpochFn on_epoch, StepFn on_step, void *context, Error *err) {
    assert(data->n >= 1 && data->n_views >= 1 && optim->batch_size >= 1);
    Arena *arena = arena_create();
    size_t n = (size_t)data->n, B = n < (size_t)optim->batch_size ? n : (size_t)optim->batch_size;
    Run run = {.trainee = trainee,
               .data = data,
               .optim = optim,
               .state = state,
               .n_steps = trainer_steps(data, optim),
               .n_in_all = trainer_total_steps(data, optim),
               .on_epoch = on_epoch,
               .on_step = on_step,
               .context = context,
               .order = ARENA_NEW(arena, int, n),
               .next = !data->features && data->prepare ? ARENA_NEW(arena, int, n) : NULL,
               .images = arena_floats(arena, B, (size_t)data->embed_dim),
               .labels = ARENA_NEW(arena, int, B),
               .logits = arena_floats(arena, B, (size_t)trainee->n_classes),
               .gradient =
                   trainee->gradient ? trainee->gradient : arena_floats(arena, trainee->n_parameters, 1)};
    int result = arena_failed(arena) ? error_memory(err) : 0;
    if (optim->shuffle)
        run.generator = *trainee->generator;
    if (result == 0 && trainee->spread)
        trainee->spread->begin(trainee->spread->context, &state->optimizer);
    while (result == 0 && state->epoch < optim->max_epoch)
        result = run_epoch(&run, err);
    arena_free(arena);
    return result;
}
