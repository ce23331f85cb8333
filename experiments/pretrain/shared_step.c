/* shared_step.c: see shared_step.h */
#include "experiments/pretrain/shared_step.h"

#include "clip/base/parallel.h"
#include "clip/conv/batch_norm.h"
#include "experiments/ranks/gather.h"
#include "experiments/shares/exchange_kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int shared_step_open(SharedStep *shared, const PretrainSession *session, BrokenPairs *broken, Arena *arena,
                     Error *err) {
    const PretrainOptim *optim = &session->optim;
    const Parameters *parameters = &session->clip->parameters;
    *shared = (SharedStep){.session = session, .per_part = optim->accum_freq / optim->parts};
    for (int i = 0; i < parameters->n && !session->config->lock.image; i++)
        shared->n_statistics += parameters->items[i].is_buffer ? parameters->items[i].count : 0;
    shared->statistics = arena_floats(arena, (size_t)optim->accum_freq, shared->n_statistics);
    if (shares_open(&shared->shares, session->ranks, parameters, arena, err) < 0 ||
        contrastive_parts_open(&shared->loss, session->effective_batch, session->clip->embed_dim, arena,
                               err) < 0)
        return -1;
    return reports_open(&shared->reports, session->ranks, optim->parts, broken, arena, err);
}

void shared_step_close(SharedStep *shared) {
    reports_close(&shared->reports);
}

/* --- whose is what --- */

static int rank_of_batch(const SharedStep *shared, int batch) {
    return batch / shared->per_part % ranks_count(shared->session->ranks);
}

/* The number in the step of a batch of this rank. */
static int batch_number(const SharedStep *shared, int own) {
    const RankGroup *ranks = shared->session->ranks;
    const int part = own / shared->per_part * ranks_count(ranks) + ranks_index(ranks);
    return part * shared->per_part + own % shared->per_part;
}

static int first_pair(const SharedStep *shared, int own) {
    return batch_number(shared, own) * shared->session->optim.batch_size;
}

/* --- running statistics --- */

/* Calls with each running statistic, and its place among a batch's. */
typedef void (*StatisticFn)(Parameter *statistic, float *numbers);

static void each_statistic(const SharedStep *shared, StatisticFn run, float *numbers) {
    const Parameters *parameters = &shared->session->clip->parameters;
    for (int i = 0; i < parameters->n && shared->n_statistics > 0; i++) {
        Parameter *p = &parameters->items[i];
        if (!p->is_buffer)
            continue;
        run(p, numbers);
        numbers += p->count;
    }
}

static void clear(Parameter *p, float *numbers) {
    (void)numbers;
    memset(p->value, 0, p->count * sizeof *p->value);
}

static void keep(Parameter *p, float *numbers) {
    memcpy(numbers, p->value, p->count * sizeof *numbers);
}

static void put(Parameter *p, float *numbers) {
    memcpy(p->value, numbers, p->count * sizeof *numbers);
}

/* What a batch has left of zeros is its part of the mean; a counter has counted it. */
static void move(Parameter *p, float *numbers) {
    const float rest = p->n_dims == 0 ? 0 : (float)BATCH_NORM_MOMENTUM;
    for (size_t i = 0; i < p->count; i++)
        p->value[i] += numbers[i] - rest * p->value[i];
}

static float *statistics_of(const SharedStep *shared, int batch) {
    return shared->statistics + (size_t)batch * shared->n_statistics;
}

/* --- features --- */

/* All of this rank; the first last, whose activations are then those that the first backward pass wants. */
static int encode(const SharedStep *shared, const SharedWork *work, Error *err) {
    for (int i = 1; i <= work->n; i++) {
        const int own = i % work->n;
        each_statistic(shared, clear, NULL);
        if (contrastive_trainer_encode(work->trainer, &work->batches[own], first_pair(shared, own), own == 0,
                                       err) < 0)
            return -1;
        each_statistic(shared, keep, statistics_of(shared, batch_number(shared, own)));
    }
    return 0;
}

/* Bytes of each batch of the step, one after the other. */
typedef struct {
    void *bytes;
    size_t size; /* of a batch */
} BatchArray;

static RankBlock block_of(const BatchArray *array, int peer, int batch) {
    return (RankBlock){peer, (char *)array->bytes + (size_t)batch * array->size, array->size};
}

/* What each rank has of its batches, to all. */
static void gather(const SharedStep *shared, const BatchArray *arrays, int n_arrays) {
    RankGroup *ranks = shared->session->ranks;
    const int n_ranks = ranks_count(ranks), n_batches = shared->session->optim.accum_freq;
    const size_t most = (size_t)n_batches * (size_t)n_ranks * (size_t)n_arrays;
    int n_sends = 0, n_receives = 0;
    if (n_ranks == 1)
        return;
    RankBlock *sends = ranks_malloc(ranks, 2 * most, sizeof *sends), *receives = sends + most;
    for (int i = 0; i < n_batches * n_arrays; i++) {
        const int batch = i / n_arrays, owner = rank_of_batch(shared, batch);
        const BatchArray *array = &arrays[i % n_arrays];
        if (owner != ranks_index(ranks))
            receives[n_receives++] = block_of(array, owner, batch);
        for (int k = 1; owner == ranks_index(ranks) && k < n_ranks; k++)
            sends[n_sends++] = block_of(array, (owner + k) % n_ranks, batch);
    }
    ranks_exchange(ranks, EXCHANGE_BATCHES, sends, n_sends, receives, n_receives);
    free(sends);
}

static void gather_features(const SharedStep *shared, StepFeatures features) {
    const size_t n = (size_t)shared->session->optim.batch_size * (size_t)shared->session->clip->embed_dim;
    const BatchArray arrays[] = {{features.image, n * sizeof(float)},
                                 {features.text, n * sizeof(float)},
                                 {shared->statistics, shared->n_statistics * sizeof(float)}};
    gather(shared, arrays, 3);
}

/* --- the loss --- */

static int pairs_of_part(const SharedStep *shared) {
    return shared->per_part * shared->session->optim.batch_size;
}

static int find_loss(SharedStep *shared, const SharedWork *work, double *loss, Error *err) {
    const PretrainSession *session = shared->session;
    const StepFeatures features = contrastive_trainer_features(work->trainer);
    const float s = *parameters_find(&session->clip->parameters, "logit_scale")->value;
    ContrastiveParts *parts = &shared->loss;
    contrastive_parts_begin(parts, features.image, features.text, s, session->effective_batch, session->pool);
    for (int own = 0; own < work->n; own += shared->per_part)
        contrastive_parts_forward(parts, first_pair(shared, own), pairs_of_part(shared), session->pool);
    const BatchArray sums = {parts->sums, (size_t)session->optim.batch_size * sizeof *parts->sums};
    gather(shared, &sums, 1);
    *loss = contrastive_parts_value(parts);
    return isfinite(*loss) ? 0 : error_run(err, "the loss is %g: training has come apart", *loss);
}

static float *at_pair(const SharedStep *shared, float *rows, int pair) {
    return rows ? rows + (size_t)pair * (size_t)shared->session->clip->embed_dim : NULL;
}

/* The part's own of the gradients of features and logit_scale. */
static void differentiate_loss(SharedStep *shared, const SharedWork *work, int own) {
    const PretrainSession *session = shared->session;
    const StepFeatures features = contrastive_trainer_features(work->trainer);
    Parameter *scale = parameters_find(&session->clip->parameters, "logit_scale");
    const int first = first_pair(shared, own);
    *scale->gradient = (float)contrastive_parts_backward(
        &shared->loss, at_pair(shared, features.d_image, first), at_pair(shared, features.d_text, first),
        first, pairs_of_part(shared), session->pool);
}

/* --- gradients --- */

typedef struct {
    Shares *shares;
    int n_parts;
} Sending;

static void send_image(void *context) {
    const Sending *sending = context;
    shares_send(sending->shares, SHARES_IMAGE, sending->n_parts);
}

/* The gradients of one part, of which those of the image tower go while the texts' are computed. */
static int backward(const SharedStep *shared, const SharedWork *work, int part, Sending *sending, Task **task,
                    Error *err) {
    const int begin = part * shared->per_part, end = begin + shared->per_part;
    for (int own = begin; own < end; own++) {
        const PairBatch *batch = &work->batches[own];
        const int first = first_pair(shared, own);
        const bool again = own > 0;
        if (contrastive_trainer_image_gradients(work->trainer, batch, first, again, err) < 0)
            return -1;
        if (own == end - 1 && ranks_count(shared->session->ranks) > 1)
            *task = task_start(send_image, sending);
        if (contrastive_trainer_text_gradients(work->trainer, batch, first, again, err) < 0)
            return -1;
    }
    return 0;
}

/* Each rank's part of this number. What fails here is agreed upon later: the others wait for gradients. */
static int take_round(SharedStep *shared, const SharedWork *work, int round, Error *err) {
    const PretrainSession *session = shared->session;
    const int n_ranks = ranks_count(session->ranks), left = session->optim.parts - round * n_ranks;
    Sending sending = {&shared->shares, left < n_ranks ? left : n_ranks};
    Parameters *parameters = &session->clip->parameters;
    Task *task = NULL;
    int status = 0;
    if (ranks_index(session->ranks) < sending.n_parts) {
        parameters_zero_gradients(parameters, session->pool);
        differentiate_loss(shared, work, round * shared->per_part);
        status = backward(shared, work, round, &sending, &task, err);
    }
    if (task)
        task_wait(task);
    else
        send_image(&sending);
    shares_send(&shared->shares, SHARES_REST, sending.n_parts);
    shares_add(&shared->shares, sending.n_parts, round == 0, session->pool);
    return status;
}

static int take_rounds(SharedStep *shared, const SharedWork *work, int status, Error *err) {
    const PretrainSession *session = shared->session;
    const int n_ranks = ranks_count(session->ranks);
    for (int round = 0; round * n_ranks < session->optim.parts; round++) {
        if (status == 0)
            status = pool_stopped(session->pool, err);
        if (reports_agree(&shared->reports, status, err) < 0)
            return -1;
        status = take_round(shared, work, round, err);
    }
    return reports_agree(&shared->reports, status, err);
}

/* --- the change --- */

static int change(SharedStep *shared, const SharedWork *work, Error *err) {
    const PretrainSession *session = shared->session;
    const PieceList *own = &shared->shares.own;
    const Parameter *strange;
    const double norm = shares_finish(&shared->shares, &strange, session->pool);
    if (!isfinite(norm))
        return error_run(err, "the gradient of %s is not finite: training has come apart",
                         strange ? strange->name : "all");
    if (session->optim.grad_clip_norm > 0)
        parameters_clip_gradients(&session->clip->parameters, own, norm, session->optim.grad_clip_norm,
                                  session->pool);
    parameter_optimizer_step(work->optimizer, own, work->lr, session->pool);
    shares_give_values(&shared->shares);
    each_statistic(shared, put, work->running);
    for (int batch = 0; batch < session->optim.accum_freq; batch++)
        each_statistic(shared, move, statistics_of(shared, batch));
    return 0;
}

static int take(SharedStep *shared, const SharedWork *work, double *loss, bool *ended, Error *err) {
    Reports *reports = &shared->reports;
    int status = work->status;
    if (status == 0 && !reports_own(reports)->ended)
        status = encode(shared, work, err);
    if (reports_agree(reports, status, err) < 0)
        return -1;
    *ended = reports_sums(reports).ended;
    if (*ended)
        return 0;
    gather_features(shared, contrastive_trainer_features(work->trainer));
    status = find_loss(shared, work, loss, err);
    return take_rounds(shared, work, status, err) < 0 ? -1 : change(shared, work, err);
}

int shared_step_take(SharedStep *shared, const SharedWork *work, double *loss, bool *ended, Error *err) {
    *ended = false;
    const int status = take(shared, work, loss, ended, err);
    if (status < 0 || *ended)
        each_statistic(shared, put, work->running);
    return status;
}

double shared_step_bytes(const SharedStep *shared) {
    const PretrainSession *session = shared->session;
    const int n_ranks = ranks_count(session->ranks), parts = session->optim.parts;
    const int n_agreed = 2 + (parts + n_ranks - 1) / n_ranks;
    const double features = 2.0 * session->effective_batch * session->clip->embed_dim;
    const double statistics = (double)session->optim.accum_freq * (double)shared->n_statistics;
    const double sums = (double)session->effective_batch * sizeof(PairSums);
    return n_agreed * reports_bytes(&shared->reports) +
           (n_ranks - 1) * ((features + statistics) * sizeof(float) + sums) +
           shares_bytes(&shared->shares, parts);
}
