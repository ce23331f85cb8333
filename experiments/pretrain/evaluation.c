/* evaluation.c: see evaluation.h */
#include "experiments/pretrain/evaluation.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "clip/train/contrastive.h"
#include "coop/zeroshot.h"
#include "experiments/pretrain/captions.h"
#include "experiments/pretrain/pretrain_open.h"

#include <math.h>
#include <stdlib.h>

/* The pairs of a source, in order and without augmentation; the last batch may be short. */
static PairLoader *open_loader(const PretrainSession *session, const PairSource *source, Error *err) {
    const PairLoaderOptions options = {.transform = pretrain_transform(session),
                                       .seed = (uint32_t)session->config->seed,
                                       .batch_size = session->optim.batch_size,
                                       .n_threads = pool_threads(session->pool),
                                       .n_ahead = 2};
    PairLoader *loader = pair_loader_create(source, &options, err);
    if (loader && pair_loader_begin(loader, 0, 0, err) < 0) {
        pair_loader_free(loader);
        return NULL;
    }
    return loader;
}

/* What is done with each batch of a source. */
typedef int (*BatchFn)(void *context, const LoadedBatch *batch, Error *err);

static int each_batch(const PretrainSession *session, const PairSource *source, BrokenPairs *broken,
                      BatchFn run, void *context, Error *err) {
    PairLoader *loader = open_loader(session, source, err);
    int status = loader ? 0 : -1;
    for (bool more = true; more && status == 0;) {
        LoadedBatch batch = {0};
        status = pair_loader_next(loader, &batch, err);
        if (status < 0 && err->kind == ERROR_INPUT)
            error_prefix(err, source == session->val ? "data.val" : "data.zeroshot");
        if (status < 0)
            break;
        broken_pairs_tell(broken, &batch);
        more = batch.n > 0;
        if (more)
            status = run(context, &batch, err);
        pair_loader_give_back(loader, &batch);
        if (status == 0)
            status = pool_stopped(session->pool, err);
    }
    pair_loader_free(loader);
    return status;
}

/* Features (n, E) of texts, a batch at a time. */
static int encode_captions(float *features, const PretrainSession *session, ContrastiveTrainer *trainer,
                           const char *const *texts, int n, int *n_cut, Error *err) {
    const int most = session->optim.batch_size, E = session->clip->embed_dim;
    Arena *arena = arena_create();
    int status = arena ? 0 : error_memory(err);
    for (int first = 0; first < n && status == 0; first += most) {
        const int some = n - first < most ? n - first : most;
        const size_t mark = arena_mark(arena);
        Captions captions;
        status = captions_tokenize(&captions, session->tokenizer, texts + first, some,
                                   session->clip->text.n_positions, arena, err);
        *n_cut += captions.n_cut;
        if (status == 0)
            status =
                contrastive_trainer_texts(trainer, features + (size_t)first * (size_t)E,
                                          (const int *const *)captions.tokens, captions.lengths, some, err);
        arena_reset(arena, mark);
    }
    arena_free(arena);
    return status;
}

/* Once in a run. */
static void tell_cuts(BrokenPairs *broken, int n, const char *what, const PretrainSession *session) {
    if (n == 0 || text_map_find(&broken->named, what))
        return;
    text_map_put(&broken->named, what, 1);
    progress_print(broken->progress, "note: %d %s are cut at %d tokens", n, what,
                   session->clip->text.n_positions);
}

/* --- pairs --- */

typedef struct {
    const PretrainSession *session;
    ContrastiveTrainer *trainer;
    float *images, *texts; /* (pairs of the source, E), unit length */
    float logit_scale;
    int n, n_cut;
    double loss;
} PairFeatures;

static int add_pairs(void *context, const LoadedBatch *batch, Error *err) {
    PairFeatures *all = context;
    const int E = all->session->clip->embed_dim, n = batch->n;
    float *images = all->images + (size_t)all->n * (size_t)E;
    float *texts = all->texts + (size_t)all->n * (size_t)E;
    double loss;
    if (contrastive_trainer_images(all->trainer, images, batch->images, n, err) < 0 ||
        encode_captions(texts, all->session, all->trainer, batch->captions, n, &all->n_cut, err) < 0 ||
        contrastive_loss(&loss, NULL, NULL, NULL, images, texts, all->logit_scale, n, E, all->session->pool,
                         err) < 0)
        return -1;
    unit_rows_forward(images, NULL, images, n, E);
    unit_rows_forward(texts, NULL, texts, n, E);
    all->loss += loss * n;
    all->n += n;
    return 0;
}

/* Each caption belongs to its own image alone, as in OpenCLIP's get_clip_metrics. */
static int measure_ranks(Evaluation *evaluation, const PairFeatures *all, int E, Arena *arena, Error *err) {
    int *self = ARENA_NEW(arena, int, all->n);
    if (!self)
        return error_memory(err);
    for (int i = 0; i < all->n; i++)
        self[i] = i;
    const Ranking to_text = {all->images, all->texts, self, self, all->n, all->n, E};
    const Ranking to_image = {all->texts, all->images, self, self, all->n, all->n, E};
    return recall_measure(&evaluation->to_text, &to_text, all->session->pool, err) < 0
               ? -1
               : recall_measure(&evaluation->to_image, &to_image, all->session->pool, err);
}

int evaluate_pairs(Evaluation *evaluation, const PretrainSession *session, ContrastiveTrainer *trainer,
                   BrokenPairs *broken, Error *err) {
    const int E = session->clip->embed_dim;
    const size_t n = (size_t)pairs_count(session->val);
    Arena *arena = arena_create();
    PairFeatures all = {.session = session,
                        .trainer = trainer,
                        .images = arena_floats(arena, n, (size_t)E),
                        .texts = arena_floats(arena, n, (size_t)E),
                        .logit_scale = parameters_find(&session->clip->parameters, "logit_scale")->value[0]};
    int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0)
        status = each_batch(session, session->val, broken, add_pairs, &all, err);
    if (status == 0 && !isfinite(all.loss))
        status = error_run(err, "the loss of data.val is not finite");
    if (status == 0)
        status = measure_ranks(evaluation, &all, E, arena, err);
    if (status == 0)
        tell_cuts(broken, all.n_cut, "captions of data.val", session);
    if (status == 0) {
        evaluation->n_val = all.n;
        evaluation->val_loss = all.loss / all.n;
    }
    arena_free(arena);
    return status;
}

/* --- zero-shot --- */

typedef struct {
    const PretrainSession *session;
    ContrastiveTrainer *trainer;
    const float *classes;     /* (K, E) */
    float *features, *logits; /* (batch, E), (batch, K) */
    int n, n_top1, n_top5;
} Classified;

/* How many classes are before the right one; of equal ones the first. */
static int place_of(const float *logits, int label, int n_classes) {
    int place = 0;
    for (int k = 0; k < n_classes; k++)
        place += logits[k] > logits[label] || (k < label && logits[k] == logits[label]);
    return place;
}

static int add_images(void *context, const LoadedBatch *batch, Error *err) {
    Classified *all = context;
    const int E = all->session->clip->embed_dim, K = all->session->zeroshot.dataset.n_classes;
    if (contrastive_trainer_images(all->trainer, all->features, batch->images, batch->n, err) < 0)
        return -1;
    unit_rows_forward(all->features, NULL, all->features, batch->n, E);
    linear_forward(all->session->pool, all->logits, all->features, all->classes, NULL, batch->n, E, K, false);
    for (size_t i = 0; i < (size_t)batch->n * (size_t)K; i++)
        if (!isfinite(all->logits[i])) /* no class would be before the right one */
            return error_run(err, "the features of data.zeroshot are not finite");
    for (int i = 0; i < batch->n; i++) {
        const int place = place_of(all->logits + (size_t)i * (size_t)K, atoi(batch->captions[i]), K);
        all->n_top1 += place < 1;
        all->n_top5 += place < 5;
    }
    all->n += batch->n;
    return 0;
}

static int encode_classes(float *classes, const PretrainSession *session, ContrastiveTrainer *trainer,
                          BrokenPairs *broken, Arena *arena, Error *err) {
    const Dataset *dataset = &session->zeroshot.dataset;
    const TextList *templates = &session->config->zeroshot.templates;
    const int K = dataset->n_classes, E = session->clip->embed_dim, P = K * templates->n;
    const char **prompts =
        zeroshot_prompts(templates->values, templates->n, dataset->class_names, K, arena, err);
    if (!prompts)
        return -1;
    float *each = arena_floats(arena, (size_t)P, (size_t)E);
    if (!each)
        return error_memory(err);
    int n_cut = 0;
    if (encode_captions(each, session, trainer, prompts, P, &n_cut, err) < 0)
        return -1;
    tell_cuts(broken, n_cut, "prompts of data.zeroshot", session);
    zeroshot_average(classes, each, templates->n, K, E);
    return 0;
}

int evaluate_zeroshot(Evaluation *evaluation, const PretrainSession *session, ContrastiveTrainer *trainer,
                      BrokenPairs *broken, Error *err) {
    const size_t K = (size_t)session->zeroshot.dataset.n_classes, E = (size_t)session->clip->embed_dim;
    const size_t batch = (size_t)session->optim.batch_size;
    Arena *arena = arena_create();
    float *classes = arena_floats(arena, K, E);
    Classified all = {.session = session,
                      .trainer = trainer,
                      .classes = classes,
                      .features = arena_floats(arena, batch, E),
                      .logits = arena_floats(arena, batch, K)};
    int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0)
        status = encode_classes(classes, session, trainer, broken, arena, err);
    if (status == 0)
        status = each_batch(session, session->zeroshot.images, broken, add_images, &all, err);
    if (status == 0) {
        evaluation->n_zeroshot = all.n;
        evaluation->top1 = (double)all.n_top1 / all.n;
        evaluation->top5 = (double)all.n_top5 / all.n;
    }
    arena_free(arena);
    return status;
}
