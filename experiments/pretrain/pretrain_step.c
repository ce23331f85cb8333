/* pretrain_step.c: see pretrain_step.h */
#include "experiments/pretrain/pretrain_step.h"

#include "experiments/pretrain/captions.h"
#include "experiments/pretrain/pretrain_open.h"

#include <math.h>
#include <string.h>

/* Of decoded images that wait for the next step. */
#define MAX_AHEAD_BYTES ((size_t)128 << 20)

/* The pairs of one step are decoded while the one before is computed. */
static int batches_ahead(const PretrainSession *session) {
    const size_t size = (size_t)session->clip->image.image_size;
    const size_t most = MAX_AHEAD_BYTES / (3 * size * size * (size_t)session->optim.batch_size);
    const int wanted = session->optim.accum_freq > 2 ? session->optim.accum_freq : 2;
    return most < 2 ? 2 : most < (size_t)wanted ? (int)most : wanted;
}

static PairLoader *open_loader(const PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    PairLoaderOptions options = {.transform = pretrain_transform(session),
                                 .augment = config->augment.random,
                                 .shuffle = config->shuffle,
                                 .seed = (uint32_t)config->seed,
                                 .batch_size = session->optim.batch_size,
                                 .drop_last = true,
                                 .n_threads = pool_threads(session->pool),
                                 .n_ahead = batches_ahead(session)};
    memcpy(options.scale, config->augment.scale.values, sizeof options.scale);
    return pair_loader_create(session->train, &options, err);
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

int stepper_open(PretrainStepper *stepper, const PretrainSession *session, BrokenPairs *broken, Error *err) {
    const int n = session->optim.accum_freq;
    *stepper = (PretrainStepper){.session = session, .broken = broken, .arena = arena_create()};
    stepper->loaded = ARENA_NEW(stepper->arena, LoadedBatch, n);
    stepper->batches = ARENA_NEW(stepper->arena, PairBatch, n);
    stepper->statistics = arena_floats(stepper->arena, 1, count_statistics(&session->clip->parameters));
    stepper->optimizer = parameter_optimizer(&session->clip->parameters, NULL, step_options(&session->optim));
    if (arena_failed(stepper->arena) || arena_failed(session->clip->arena))
        return error_memory(err);
    const ContrastiveOptions options = {.batch_size = session->optim.batch_size,
                                        .accum_freq = n,
                                        .memory_budget = pretrain_memory_budget(session->config)};
    stepper->trainer = contrastive_trainer_create(session->clip, session->pool, options, err);
    if (!stepper->trainer && err->kind == ERROR_INPUT)
        error_prefix(err, "%s", session->config->path);
    stepper->loader = stepper->trainer ? open_loader(session, err) : NULL;
    return stepper->loader ? 0 : -1;
}

void stepper_close(PretrainStepper *stepper) {
    pair_loader_free(stepper->loader);
    contrastive_trainer_free(stepper->trainer);
    arena_free(stepper->arena);
    *stepper = (PretrainStepper){0};
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

/* The next batch of the step, tokenised; *ended when the epoch has no full one left. */
static int load_batch(PretrainStepper *stepper, int index, int *n_cut, bool *ended, Error *err) {
    const PretrainSession *session = stepper->session;
    LoadedBatch *loaded = &stepper->loaded[index];
    Captions captions;
    if (pair_loader_next(stepper->loader, loaded, err) < 0)
        return err->kind == ERROR_INPUT ? error_prefix(err, "data.train") : -1;
    broken_pairs_tell(stepper->broken, loaded);
    *ended = loaded->n < session->optim.batch_size;
    if (*ended)
        return 0;
    if (captions_tokenize(&captions, session->tokenizer, loaded->captions, loaded->n,
                          session->clip->text.n_positions, stepper->arena, err) < 0)
        return error_prefix(err, "data.train");
    stepper->batches[index] =
        (PairBatch){loaded->n, loaded->images, (const int *const *)captions.tokens, captions.lengths};
    *n_cut += captions.n_cut;
    return 0;
}

/* As torch.nn.utils.clip_grad_norm_ does it. */
static void clip_gradients(const PretrainSession *session) {
    const double most = session->optim.grad_clip_norm;
    Parameters *parameters = &session->clip->parameters;
    if (most == 0)
        return;
    const double factor = most / (parameters_gradient_norm(parameters, session->pool) + 1e-6);
    if (factor < 1)
        parameters_scale_gradients(parameters, NULL, (float)factor, session->pool);
}

static int take_step(PretrainStepper *stepper, StepMetrics *metrics, double lr, Error *err) {
    const PretrainSession *session = stepper->session;
    const float logit_scale = parameters_find(&session->clip->parameters, "logit_scale")->value[0];
    keep_statistics(stepper, false);
    if (contrastive_trainer_gradients(stepper->trainer, &metrics->loss, stepper->batches,
                                      session->optim.accum_freq, err) < 0) {
        keep_statistics(stepper, true);
        return -1;
    }
    clip_gradients(session);
    parameter_optimizer_step(&stepper->optimizer, NULL, lr, session->pool);
    contrastive_clamp_scale(session->clip);
    metrics->lr = lr;
    metrics->logit_scale = exp(logit_scale);
    return 0;
}

int stepper_step(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr, bool *ended,
                 Error *err) {
    const size_t mark = arena_mark(stepper->arena);
    int n = 0, n_cut = 0, n_broken = 0, status = 0;
    *ended = false;
    for (; n < stepper->session->optim.accum_freq && status == 0 && !*ended; n++) {
        stepper->loaded[n] = (LoadedBatch){0};
        status = load_batch(stepper, n, &n_cut, ended, err);
        n_broken += stepper->loaded[n].n_broken;
    }
    if (status == 0 && !*ended)
        status = take_step(stepper, metrics, lr, err);
    if (status == 0 && !*ended) {
        state->step++;
        state->position = stepper->loaded[n - 1].position;
    }
    if (status == 0) {
        state->n_cut += n_cut;
        state->n_broken += n_broken;
    }
    for (int i = 0; i < n; i++)
        pair_loader_give_back(stepper->loader, &stepper->loaded[i]);
    arena_reset(stepper->arena, mark);
    return status;
}
