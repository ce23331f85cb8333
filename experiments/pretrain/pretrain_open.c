/* pretrain_open.c: see pretrain_open.h */
#include "experiments/pretrain/pretrain_open.h"

#include "clip/base/files.h"
#include "clip/checkpoint/locate.h"
#include "clip/math/blas.h"
#include "coop/loaded_model.h"
#include "experiments/config/experiment.h"
#include "experiments/pretrain/identity.h"
#include "experiments/pretrain/pretrain_data.h"
#include "experiments/pretrain/unlocked.h"
#include "experiments/terminal/interrupt.h"

/* 512 symbols of bytes, start and end; what is more are merges. */
enum { LEAST_VOCABULARY = 514 };

size_t pretrain_memory_budget(const PretrainSession *session) {
    return experiment_memory_budget(&(Experiment){.memory_budget = session->config->memory_budget,
                                                  .n_sharing = ranks_on_host(session->ranks)});
}

Transform pretrain_transform(const PretrainSession *session) {
    return image_transform(&session->clip->images, session->clip->image.image_size);
}

static int open_clip(PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    session->clip = config->model.config ? trainable_clip_create(config->model.config, (uint32_t)config->seed,
                                                                 config->model.precision, err)
                                         : trainable_clip_open(config->model.weights,
                                                               config->model.activation, config->model.heads,
                                                               config->model.precision, session->pool, err);
    if (!session->clip)
        return -1;
    if (session->clip->note)
        pretrain_remark(session, "%s%s", session->clip->note,
                        session->clip->assumed ? " (model.activation says otherwise)" : "");
    if (config->model.precision == PRECISION_BFLOAT16 && session->clip->precision == PRECISION_FLOAT32)
        pretrain_remark(session, "%s", PRECISION_NOTE);
    session->optim = config->optim;
    if (session->optim.beta2 == 0)
        session->optim.beta2 = session->clip->is_resnet ? 0.999 : 0.98;
    if (session->optim.eps == 0)
        session->optim.eps = session->clip->is_resnet ? 1e-8 : 1e-6;
    return unlock_parameters(session->clip, config, err);
}

static int open_vocabulary(PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    const char *beside = config->model.config ? config->model.config : config->model.weights;
    const char *vocab = config->model.vocab;
    const int n_vocab = session->clip->text.n_vocab;
    if (!vocab || folder_exists(vocab))
        vocab = locate_vocabulary(vocab ? vocab : beside, session->arena, err);
    if (!vocab)
        return -1;
    if (n_vocab < LEAST_VOCABULARY)
        return error_set(err, "%s: a vocabulary of %d tokens, where the smallest has %d", beside, n_vocab,
                         LEAST_VOCABULARY);
    session->vocabulary = vocab;
    session->tokenizer = tokenizer_open(vocab, n_vocab - LEAST_VOCABULARY, err);
    if (!session->tokenizer)
        return -1;
    const int surplus = tokenizer_surplus(session->tokenizer);
    return surplus > 0 ? error_set(err, "%s: a vocabulary of %d tokens, where %s has %d", vocab,
                                   n_vocab + surplus, beside, n_vocab)
                       : 0;
}

/* Steps, and what of them may not be what was meant. */
static int count_steps(PretrainSession *session, Error *err) {
    const PretrainConfig *config = session->config;
    const PretrainOptim *optim = &session->optim;
    const int n = pairs_count(session->train);
    const long batch = (long)optim->batch_size * optim->accum_freq;
    if (batch > n)
        return error_set(
            err,
            "%s: optim: a step of batch_size %d times accum_freq %d is %ld pairs, and data.train "
            "has %d",
            config->path, optim->batch_size, optim->accum_freq, batch, n);
    if (ranks_count(session->ranks) > optim->parts)
        return error_set(err,
                         "%s: optim: %d ranks, and a step has %d part%s that they can share; "
                         "optim.parts says how many, and is part of the result",
                         config->path, ranks_count(session->ranks), optim->parts,
                         optim->parts == 1 ? "" : "s");
    session->effective_batch = (int)batch;
    session->steps_per_epoch = n / optim->batch_size / optim->accum_freq;
    const long n_steps = (long)session->steps_per_epoch * optim->epochs;
    if (optim->warmup >= n_steps)
        pretrain_remark(session,
                        "%s: optim.warmup: %d steps, and the whole training has %ld: the rate never reaches "
                        "%g",
                        config->path, optim->warmup, n_steps, optim->lr);
    if (batch == 1)
        pretrain_remark(session, "%s: optim: a step of one pair: there is nothing to tell it from",
                        config->path);
    const int n_left = n - (int)(batch * session->steps_per_epoch);
    if (n_left > 0)
        pretrain_remark(session, "%s: optim: the last %d of %d pairs fill no step: %s", config->path, n_left,
                        n, config->shuffle ? "each epoch leaves out others" : "they are never seen");
    return 0;
}

/* Keys that say something about data that is not there, and the other way round; a training that trains
 * nothing. */
static void remark_keys(PretrainSession *session) {
    const PretrainConfig *config = session->config;
    if (config->val.kind && config->val_frequency == 0)
        pretrain_remark(session, "%s: data.val is never used: val_frequency is 0", config->path);
    if (config->zeroshot.kind && config->zeroshot_frequency == 0)
        pretrain_remark(session, "%s: data.zeroshot is never used: zeroshot_frequency is 0", config->path);
    if (config->lock.image && config->lock.text && config->lock.image_unlocked_groups == 0)
        pretrain_remark(session, "%s: lock: both towers: nothing but the temperature is trained",
                        config->path);
    if (!config->val.kind && !config->zeroshot.kind)
        pretrain_remark(session,
                        "%s: neither data.val nor data.zeroshot: only the loss will tell how it goes",
                        config->path);
}

int pretrain_open(PretrainSession *session, const PretrainConfig *config, int n_threads, RankGroup *ranks,
                  Error *err) {
    *session = (PretrainSession){.config = config, .ranks = ranks, .arena = arena_create()};
    if (!session->arena)
        return error_memory(err);
    session->pool = pool_create(n_threads);
    if (!session->pool)
        return error_run(err, "cannot start threads: out of memory, or too many of them");
    pool_set_stop(session->pool, interrupt_stop, NULL);
    if (blas_room_prepare(err) < 0) /* a model from nothing meets OpenBLAS only in its first evaluation */
        return -1;
    if (pretrain_open_data(session, err) < 0 || open_clip(session, err) < 0 ||
        open_vocabulary(session, err) < 0 || count_steps(session, err) < 0)
        return -1;
    remark_keys(session);
    session->identity = pretrain_identity(session, err);
    return session->identity ? 0 : -1;
}

void pretrain_close(PretrainSession *session) {
    pretrain_close_data(session);
    tokenizer_free(session->tokenizer);
    trainable_clip_free(session->clip);
    pool_free(session->pool);
    arena_free(session->arena);
    *session = (PretrainSession){0};
}
