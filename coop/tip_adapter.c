/* tip_adapter.c: see tip_adapter.h. */
#include "coop/tip_adapter.h"

#include "clip/math/gemm.h"
#include "coop/cosine_classifier.h"
#include "coop/learned/cache_kind.h"
#include "coop/zeroshot.h"

#include <assert.h>
#include <math.h>
#include <string.h>

enum { CHUNK = 256, SEARCH_CHUNK = 32, N_BETAS = 200, N_ALPHAS = 20 };
enum { N_CANDIDATES = 1 + N_BETAS * N_ALPHAS };
static const double LOWEST = 0.1; /* of alpha and beta in the search */

/* --- forward --- */

/* affinity (n_rows, n) = images keys^T;  logits (n_rows, K) = scale images text^T */
static void products(const TipAdapter *a, float *logits, float *affinity, const float *images, int n_rows) {
    linear_forward(a->pool, affinity, images, a->keys, NULL, n_rows, a->embed_dim, a->n_keys, false);
    cosine_logits(a->pool, logits, images, a->text, n_rows, a->n_classes, a->embed_dim, logf(a->scale));
}

typedef struct {
    const TipAdapter *adapter;
    float *logits;   /* (n_rows, K) */
    float *affinity; /* (n_rows, n); becomes alpha exp(-beta (1 - affinity)) */
} Votes;

/* Every cached image votes for its class. */
static void vote_row(void *context, int row, int worker) {
    (void)worker;
    const Votes *votes = context;
    const TipAdapter *a = votes->adapter;
    const ImageCache cache = {a->n_keys, a->keys, a->labels, (float)a->alpha, (float)a->beta};
    image_cache_vote(&cache, votes->logits + (size_t)row * (size_t)a->n_classes,
                     votes->affinity + (size_t)row * (size_t)a->n_keys);
}

static void forward(const TipAdapter *adapter, float *logits, float *affinity, const float *images,
                    int n_rows) {
    Votes votes = {adapter, logits, affinity};
    products(adapter, logits, affinity, images, n_rows);
    pool_run(adapter->pool, n_rows, vote_row, &votes);
}

int tip_adapter_logits(const TipAdapter *adapter, float *logits, const float *images, int n, Error *err) {
    Arena *arena = arena_create();
    float *affinity = arena_floats(arena, CHUNK, (size_t)adapter->n_keys);
    int status = affinity ? 0 : error_memory(err);
    for (int first = 0; first < n && status == 0; first += CHUNK) {
        int n_rows = n - first < CHUNK ? n - first : CHUNK;
        forward(adapter, logits + (size_t)first * (size_t)adapter->n_classes, affinity,
                images + (size_t)first * (size_t)adapter->embed_dim, n_rows);
        status = pool_stopped(adapter->pool, err);
    }
    arena_free(arena);
    return status;
}

/* --- training --- */

/* vote = alpha exp(-beta (1 - affinity))  gives  d_affinity = beta vote d_logits of its class */
static void vote_row_backward(void *context, int row, int worker) {
    (void)worker;
    const Votes *votes = context;
    const TipAdapter *a = votes->adapter;
    const float *d_logits = votes->logits + (size_t)row * (size_t)a->n_classes;
    float *affinity = votes->affinity + (size_t)row * (size_t)a->n_keys, beta = (float)a->beta;
    for (int i = 0; i < a->n_keys; i++)
        affinity[i] *= beta * d_logits[a->labels[i]];
}

double tip_adapter_loss(const TipAdapter *adapter, const float *images, const int *labels, int B,
                        float *logits, float *affinity, float *d_keys, int *n_correct) {
    Votes votes = {adapter, logits, affinity};
    forward(adapter, logits, affinity, images, B);
    double loss = cross_entropy(logits, labels, B, adapter->n_classes, n_correct);
    pool_run(adapter->pool, B, vote_row_backward, &votes);
    /* affinity = images keys^T */
    linear_backward_weight(adapter->pool, d_keys, affinity, images, B, adapter->embed_dim, adapter->n_keys);
    return loss;
}

/* The keys as a Trainee. */
typedef struct {
    Trainee trainee;
    const TipAdapter *adapter;
    Rng generator;
    float *affinity; /* (TIP_ADAPTER_BATCH, n): room */
} TrainedKeys;

static double trainee_loss(void *model, const float *images, const int *labels, int B, float *logits,
                           float *gradient, int *n_correct) {
    const TrainedKeys *keys = model;
    assert(B <= TIP_ADAPTER_BATCH);
    return tip_adapter_loss(keys->adapter, images, labels, B, logits, keys->affinity, gradient, n_correct);
}

const Trainee *tip_adapter_trainee(const TipAdapter *adapter, uint32_t seed, Arena *arena) {
    TrainedKeys *keys = ARENA_NEW(arena, TrainedKeys, 1);
    float *affinity = arena_floats(arena, TIP_ADAPTER_BATCH, (size_t)adapter->n_keys);
    if (arena_failed(arena))
        return NULL;
    *keys = (TrainedKeys){.trainee = {.name = "keys",
                                      .parameters = adapter->keys,
                                      .n_parameters = (size_t)adapter->n_keys * (size_t)adapter->embed_dim,
                                      .n_classes = adapter->n_classes,
                                      .generator = &keys->generator,
                                      .loss = trainee_loss,
                                      .model = keys},
                          .adapter = adapter,
                          .affinity = affinity};
    rng_torch_seed(&keys->generator, seed);
    return &keys->trainee;
}

OptimConfig tip_adapter_optim(double lr, int max_epoch) {
    return (OptimConfig){.optimizer = OPTIMIZER_ADAMW,
                         .lr = lr,
                         .weight_decay = 0.01,
                         .beta1 = 0.9,
                         .beta2 = 0.999,
                         .epsilon = 1e-4,
                         .max_epoch = max_epoch,
                         .batch_size = TIP_ADAPTER_BATCH,
                         .lr_scheduler = SCHEDULE_COSINE,
                         .lr_by_step = true,
                         .shuffle = true,
                         .keep_last = true};
}

/* --- search --- */

typedef struct {
    const TipAdapter *adapter;
    const int *labels;     /* (n_rows) */
    const float *logits;   /* (n_rows, K) without votes */
    const float *affinity; /* (n_rows, n) */
    float *votes;          /* (threads, K) */
    long *hits;            /* (threads, N_CANDIDATES) images that are labelled right */
    double max_alpha, max_beta;
} Search;

/* Candidate 0 is what is given, the others are the grid, alpha turning fastest. */
static void candidate(const Search *search, int i, double *alpha, double *beta) {
    const TipAdapter *a = search->adapter;
    int j = (i - 1) % N_ALPHAS, b = (i - 1) / N_ALPHAS;
    *alpha = i == 0 ? a->alpha : LOWEST + j * (search->max_alpha - LOWEST) / N_ALPHAS;
    *beta = i == 0 ? a->beta : LOWEST + b * (search->max_beta - LOWEST) / N_BETAS;
}

static bool is_hit(const float *logits, const float *votes, float alpha, int label, int n_classes) {
    int best = 0;
    float top = logits[0] + alpha * votes[0];
    for (int k = 1; k < n_classes; k++) {
        float value = logits[k] + alpha * votes[k];
        if (value > top) {
            top = value;
            best = k;
        }
    }
    return best == label;
}

/* The votes are summed anew where beta changes. */
static void search_row(void *context, int row, int worker) {
    const Search *search = context;
    const TipAdapter *a = search->adapter;
    const float *logits = search->logits + (size_t)row * (size_t)a->n_classes;
    const float *affinity = search->affinity + (size_t)row * (size_t)a->n_keys;
    float *votes = search->votes + (size_t)worker * (size_t)a->n_classes;
    long *hits = search->hits + (size_t)worker * N_CANDIDATES;
    double alpha, beta, before = NAN;
    for (int c = 0; c < N_CANDIDATES && pool_stopped(a->pool, NULL) == 0; c++) {
        candidate(search, c, &alpha, &beta);
        if (beta != before) {
            memset(votes, 0, (size_t)a->n_classes * sizeof *votes);
            for (int i = 0; i < a->n_keys; i++)
                votes[a->labels[i]] += expf(-(float)beta * (1 - affinity[i]));
        }
        before = beta;
        hits[c] += is_hit(logits, votes, (float)alpha, search->labels[row], a->n_classes);
    }
}

/* The first of the best; the counts of the threads are summed into those of the first. */
static int best_of(long *hits, int n_threads) {
    int best = 0;
    for (int c = 0; c < N_CANDIDATES; c++) {
        for (int t = 1; t < n_threads; t++)
            hits[c] += hits[(size_t)t * N_CANDIDATES + (size_t)c];
        best = hits[c] > hits[best] ? c : best;
    }
    return best;
}

int tip_adapter_search(TipAdapter *adapter, const float *images, const int *labels, int n, double max_alpha,
                       double max_beta, Error *err) {
    Arena *arena = arena_create();
    size_t K = (size_t)adapter->n_classes, n_threads = (size_t)pool_threads(adapter->pool);
    float *logits = arena_floats(arena, SEARCH_CHUNK, K);
    float *affinity = arena_floats(arena, SEARCH_CHUNK, (size_t)adapter->n_keys);
    Search search = {.adapter = adapter,
                     .logits = logits,
                     .affinity = affinity,
                     .votes = arena_floats(arena, n_threads, K),
                     .hits = ARENA_NEW(arena, long, n_threads *(size_t)N_CANDIDATES),
                     .max_alpha = max_alpha,
                     .max_beta = max_beta};
    int status = arena_failed(arena) ? error_memory(err) : 0;
    for (int first = 0; first < n && status == 0; first += SEARCH_CHUNK) {
        int n_rows = n - first < SEARCH_CHUNK ? n - first : SEARCH_CHUNK;
        search.labels = labels + first;
        products(adapter, logits, affinity, images + (size_t)first * (size_t)adapter->embed_dim, n_rows);
        pool_run(adapter->pool, n_rows, search_row, &search);
        status = pool_stopped(adapter->pool, err);
    }
    if (status == 0) {
        double alpha, beta;
        candidate(&search, best_of(search.hits, (int)n_threads), &alpha, &beta);
        adapter->alpha = alpha;
        adapter->beta = beta;
    }
    arena_free(arena);
    return status;
}
