/* pretrain_step.c: see pretrain_step.h */
#include "experiments/pretrain/pretrain_step.h"

#include "experiments/pretrain/captions.h"
#include "experiments/pretrain/orders.h"
#include "experiments/pretrain/pretrain_open.h"

#include <math.h>
#include <string.h>

/* Of decoded images that wait for the next step. */
#define MAX_AHEAD_BYTES ((size_t)128 << 20)

/* The pairs of one step are decoded while the one before is computed. */
static int batches_ahead(const PretrainStepper *stepper) {
    const PretrainSession *session = stepper->session;
    const size_t size = (size_t)session->clip->image.image_size;
    const size_t most =
        MAX_AHEAD_BYTES / (3 * size * size * (size_t)session->optim.batch_size) / (size_t)stepper->n_own;
    const int wanted = stepper->per_part > 2 ? stepper->per_part : 2;
    return most < 2 ? 2 : most < (size_t)wanted ? (int)most : wanted;
}

/* Of a part of this rank. */
static PairLoader *open_loader(const PretrainStepper *stepper, int own, Error *err) {
    const PretrainSession *session = stepper->session;
    const PretrainConfig *config = session->config;
    const int parts = session->optim.parts, n_threads = pool_threads(session->pool) / stepper->n_own;
    PairLoaderOptions options = {.transform = pretrain_transform(session),
                                 .augment = config->augment.random,
                                 .shuffle = config->shuffle,
                                 .seed = (uint32_t)config->seed,
                                 .batch_size = session->optim.batch_size,
                                 .drop_last = true,
                                 .n_threads = n_threads > 0 ? n_threads : 1,
                                 .n_ahead = batches_ahead(stepper)};
    memcpy(options.scale, config->augment.scale.values, sizeof options.scale);
    if (parts > 1)
        options.part = (PairPart){own * ranks_count(session->ranks) + ranks_index(session->ranks), parts,
                                  session->effective_batch};
    return pair_loader_create(session->train, &options, err);
}

static int open_loaders(PretrainStepper *stepper, Error *err) {
    for (int i = 0; i < stepper->n_own; i++)
        if (!(stepper->loaders[i] = open_loader(stepper, i, err)))
            return -1;
    return 0;
}

static StepOptions step_options(const PretrainOptim *optim) {
    return (StepOptions){.kind = optim->name == OPTIM_SGD ? STEP_SGD : STEP_ADAMW,
                         .beta1 = optim->beta1,
                         .beta2 = optim->beta2,
                         .epsilon = optim->eps,
                         .momentum = optim->momentum,
                         .weight_decay = optim->weight_decay};
}

static size_t count_statistics(const Parameters *parameters) {
    size_t n = 0;
    for (int i = 0; i < parameters->n; i++)
        n += parameters->items[i].is_buffer ? parameters->items[i].count : 0;
    return n;
}

/* Parts of rank r: r, r + ranks, ... */
static void count_own(PretrainStepper *stepper) {
    const PretrainSession *session = stepper->session;
    const int n_ranks = ranks_count(session->ranks), parts = session->optim.parts;
    stepper->n_own = (parts - ranks_index(session->ranks) + n_ranks - 1) / n_ranks;
    stepper->per_part = session->optim.accum_freq / parts;
}

static int open_memory(PretrainStepper *stepper, Error *err) {
    const PretrainSession *session = stepper->session;
    Parameters *parameters = &session->clip->parameters;
    const int n = stepper->n_own * stepper->per_part;
    const bool is_shared = session->optim.parts > 1;
    stepper->loaders = ARENA_NEW(stepper->arena, PairLoader *, stepper->n_own);
    stepper->loaded = ARENA_NEW(stepper->arena, LoadedBatch, n);
    stepper->batches = ARENA_NEW(stepper->arena, PairBatch, n);
    stepper->statistics = arena_floats(stepper->arena, 1, count_statistics(parameters));
    if (is_shared && shared_step_open(&stepper->shared, session, stepper->broken, stepper->arena, err) < 0)
        return -1;
    stepper->optimizer = parameter_optimizer(parameters, is_shared ? &stepper->shared.shares.own : NULL,
                                             step_options(&session->optim));
    return arena_failed(stepper->arena) || arena_failed(session->clip->arena) ? error_memory(err) : 0;
}

int stepper_open(PretrainStepper *stepper, const PretrainSession *session, BrokenPairs *broken, Error *err) {
    *stepper = (PretrainStepper){.session = session, .broken = broken, .arena = arena_create()};
    count_own(stepper);
    if (open_memory(stepper, err) < 0)
        return -1;
    const ContrastiveOptions options = {.batch_size = session->optim.batch_size,
                                        .accum_freq = session->optim.accum_freq,
                                        .memory_budget = pretrain_memory_budget(session)};
    stepper->trainer = contrastive_trainer_create(session->clip, session->pool, options, err);
    if (!stepper->trainer && err->kind == ERROR_INPUT)
        error_prefix(err, "%s", session->config->path);
    return stepper->trainer ? open_loaders(stepper, err) : -1;
}

void stepper_close(PretrainStepper *stepper) {
    for (int i = 0; stepper->loaders && i < stepper->n_own; i++)
        pair_loader_free(stepper->loaders[i]);
    contrastive_trainer_free(stepper->trainer);
    shared_step_close(&stepper->shared);
    arena_free(stepper->arena);
    *stepper = (PretrainStepper){0};
}

int stepper_begin(PretrainStepper *stepper, const PretrainState *state, Error *err) {
    const RankGroup *ranks = stepper->session->ranks;
    if (ranks_index(ranks) == 0)
        order_begin(stepper->session->ranks, state);
    for (int i = 0; i < stepper->n_own; i++)
        if (pair_loader_begin(stepper->loaders[i], state->epoch,
                              state->positions[i * ranks_count(ranks) + ranks_index(ranks)], err) < 0)
            return -1;
    return 0;
}

/* Batch norms move their running statistics in a forward pass, which a signal may cut short. */
static void keep_statistics(const PretrainStepper *stepper, bool back) {
    const Parameters *parameters = &stepper->session->clip->parameters;
    float *kept = stepper->statistics;
    for (int i = 0; i < parameters->n; i++) {
        const Parameter *parameter = &parameters->items[i];
        if (!parameter->is_buffer)
            continue;
        memcpy(back ? parameter->value : kept, back ? kept : parameter->value,
               parameter->count * sizeof(float));
        kept += parameter->count;
    }
}

static void give_back(PretrainStepper *stepper, int n) {
    for (int i = 0; i < n; i++)
        pair_loader_give_back(stepper->loaders[i / stepper->per_part], &stepper->loaded[i]);
}

/* What came of loading the batches of this rank. */
typedef struct {
    int n, n_cut, n_broken; /* batches to give back, ended ones too */
    bool ended;             /* the epoch has no full one left */
} Loading;

/* The next batch of the step, tokenised. */
static int load_batch(PretrainStepper *stepper, int index, Loading *loading, Error *err) {
    const PretrainSession *session = stepper->session;
    LoadedBatch *loaded = &stepper->loaded[index];
    Captions captions;
    if (pair_loader_next(stepper->loaders[index / stepper->per_part], loaded, err) < 0)
        return err->kind == ERROR_INPUT ? error_prefix(err, "data.train") : -1;
    loading->n_broken += loaded->n_broken;
    if (session->optim.parts > 1)
        reports_add_broken(&stepper->shared.reports, loaded);
    else
        broken_pairs_tell(stepper->broken, loaded);
    loading->ended = loaded->n < session->optim.batch_size;
    if (loading->ended)
        return 0;
    if (captions_tokenize(&captions, session->tokenizer, loaded->captions, loaded->n,
                          session->clip->text.n_positions, stepper->arena, err) < 0)
        return error_prefix(err, "data.train");
    stepper->batches[index] =
        (PairBatch){loaded->n, loaded->images, (const int *const *)captions.tokens, captions.lengths};
    loading->n_cut += captions.n_cut;
    return 0;
}

static int load(PretrainStepper *stepper, Loading *loading, Error *err) {
    const int n = stepper->n_own * stepper->per_part;
    int status = 0;
    while (loading->n < n && status == 0 && !loading->ended) {
        stepper->loaded[loading->n] = (LoadedBatch){0};
        status = load_batch(stepper, loading->n++, loading, err);
    }
    return status;
}

/* --- of one part --- */

static int take_step(PretrainStepper *stepper, StepMetrics *metrics, double lr, Error *err) {
    const PretrainSession *session = stepper->session;
    Parameters *parameters = &session->clip->parameters;
    if (contrastive_trainer_gradients(stepper->trainer, &metrics->loss, stepper->batches,
                                      session->optim.accum_freq, err) < 0) {
        keep_statistics(stepper, true);
        return -1;
    }
    if (session->optim.grad_clip_norm > 0)
        parameters_clip_gradients(parameters, NULL, parameters_gradient_norm(parameters, session->pool),
                                  session->optim.grad_clip_norm, session->pool);
    parameter_optimizer_step(&stepper->optimizer, NULL, lr, session->pool);
    return 0;
}

static int step_alone(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr,
                      bool *ended, Error *err) {
    Loading loading = {0};
    int status = load(stepper, &loading, err);
    *ended = loading.ended;
    if (status == 0 && !*ended)
        status = take_step(stepper, metrics, lr, err);
    if (status == 0 && !*ended)
        state->positions[0] = stepper->loaded[loading.n - 1].position;
    if (status == 0) {
        state->n_cut += loading.n_cut;
        state->n_broken += loading.n_broken;
    }
    give_back(stepper, loading.n);
    return status;
}

/* --- of several parts --- */

/* Into the report of this rank. */
static void report(const PretrainStepper *stepper, Report *own, const Loading *loading) {
    own->ended = loading->ended;
    own->n_cut = loading->n_cut;
    own->n_broken = loading->n_broken;
    for (int i = 0; i < loading->n / stepper->per_part; i++)
        own->positions[i] = stepper->loaded[(i + 1) * stepper->per_part - 1].position;
}

static int step_shared(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr,
                       bool *ended, Error *err) {
    RankGroup *ranks = stepper->session->ranks;
    Reports *reports = &stepper->shared.reports;
    Report *own = reports_begin(reports);
    Loading loading = {0};
    const size_t before = ranks_sent(ranks);
    if (ranks_index(ranks) == 0)
        order_step(ranks, lr);
    SharedWork work = {.trainer = stepper->trainer,
                       .optimizer = &stepper->optimizer,
                       .batches = stepper->batches,
                       .n = stepper->n_own * stepper->per_part,
                       .running = stepper->statistics,
                       .lr = lr,
                       .status = load(stepper, &loading, err)};
    report(stepper, own, &loading);
    const int status = shared_step_take(&stepper->shared, &work, &metrics->loss, ended, err);
    if (status == 0) {
        const ReportSums sums = reports_sums(reports);
        state->n_cut += sums.n_cut;
        state->n_broken += sums.n_broken;
        if (!*ended)
            reports_positions(reports, state->positions);
        stepper->sent += *ended ? 0 : ranks_sent(ranks) - before;
    }
    give_back(stepper, loading.n);
    return status;
}

int stepper_step(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr, bool *ended,
                 Error *err) {
    TrainableClip *clip = stepper->session->clip;
    const size_t mark = arena_mark(stepper->arena);
    const float logit_scale = parameters_find(&clip->parameters, "logit_scale")->value[0];
    keep_statistics(stepper, false);
    const int status = (stepper->session->optim.parts > 1 ? step_shared : step_alone)(stepper, state, metrics,
                                                                                      lr, ended, err);
    if (status == 0 && !*ended) {
        contrastive_clamp_scale(clip);
        metrics->lr = lr;
        metrics->logit_scale = exp(logit_scale);
        state->step++;
    }
    arena_reset(stepper->arena, mark);
    return status;
}

double stepper_bytes(const PretrainStepper *stepper) {
    const int n_ranks = ranks_count(stepper->session->ranks);
    return n_ranks > 1 ? shared_step_bytes(&stepper->shared) + (n_ranks - 1) * ORDER_STEP_BYTES : 0;
}
