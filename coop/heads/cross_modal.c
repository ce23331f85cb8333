/* cross_modal.c: see cross_modal.h */
#include "coop/heads/cross_modal.h"

#include "clip/base/random.h"
#include "coop/heads/softmax_loss.h"

#include <math.h>
#include <string.h>

double cross_modal_lr(const CrossModalConfig *config, double lr, int iteration) {
    const int W = config->warmup_iter;
    if (iteration < W)
        return iteration == 0 ? config->warmup_min_lr : lr * iteration / W;
    return lr / 2 * (1 + cos(M_PI * (iteration - W) / config->max_iter));
}

/* --- batches --- */

/* Samples in batches, in a new order whenever too few are left. */
typedef struct {
    const HeadSamples *samples;
    int size, at;
    int *order; /* (samples->n) */
    Rng *rng;   /* NULL: in order */
} Loader;

static Loader loader_create(const HeadSamples *samples, int size, Rng *rng, Arena *arena) {
    return (Loader){.samples = samples,
                    .size = size < samples->n ? size : samples->n,
                    .at = samples->n,
                    .order = ARENA_NEW(arena, int, samples->n),
                    .rng = rng};
}

static void load_batch(Loader *loader, float *features, int *labels, size_t E) {
    const HeadSamples *s = loader->samples;
    if (loader->at + loader->size > s->n) {
        loader->at = 0;
        for (int i = 0; i < s->n; i++)
            loader->order[i] = i;
        if (loader->rng)
            rng_torch_permutation(loader->rng, loader->order, s->n);
    }
    for (int i = 0; i < loader->size; i++) {
        const int item = loader->order[loader->at + i];
        memcpy(features + (size_t)i * E, s->features + (size_t)item * E, E * sizeof *features);
        labels[i] = s->labels[item];
    }
    loader->at += loader->size;
}

/* --- one setting --- */

typedef struct {
    LinearClassifier best;
    int iteration, n_correct; /* -1: nothing yet */
    Error err;
    int status;
} Outcome;

typedef struct {
    const CrossModalConfig *config;
    const CrossModalData *data;
    const CrossModalSetting *setting;
    Head *head;
    Optimizer optimizer;
    Loader images, texts;
    float *features, *logits, *gradient, *val_logits; /* (B, E), (B, K), (K, E), (n_val, K) */
    int *labels;                                      /* (B) */
    LinearClassifier present;
} Training;

static int training_create(Training *t, Rng *rng, Arena *arena, Error *err) {
    const HeadConfig *head = &t->config->head;
    const size_t K = (size_t)head->n_classes, E = (size_t)head->embed_dim;
    t->images = loader_create(&t->data->images, t->setting->n_images, rng, arena);
    t->texts = loader_create(&t->data->texts, t->setting->n_texts, rng, arena);
    const size_t B = (size_t)t->images.size + (size_t)t->texts.size;
    t->head = head_create(head, NULL, arena);
    t->optimizer = optimizer_adamw(K * E, 0.9, 0.999, 1e-8, t->setting->weight_decay, arena);
    t->features = arena_floats(arena, B, E);
    t->logits = arena_floats(arena, B, K);
    t->gradient = arena_floats(arena, K, E);
    t->val_logits = arena_floats(arena, (size_t)t->data->val.n, K);
    t->labels = ARENA_NEW(arena, int, B);
    t->present = linear_classifier(head->n_classes, head->embed_dim, arena);
    return arena_failed(arena) ? error_memory(err) : 0;
}

static int step(Training *t, int iteration, Error *err) {
    const size_t E = (size_t)t->config->head.embed_dim;
    const int n_images = t->images.size, n_texts = t->texts.size;
    const Trainee *trainee = head_trainee(t->head);
    load_batch(&t->images, t->features, t->labels, E);
    load_batch(&t->texts, t->features + (size_t)n_images * E, t->labels + n_images, E);
    const double loss = trainee->loss(trainee->model, t->features, t->labels, n_images + n_texts, t->logits,
                                      t->gradient, NULL);
    if (!isfinite(loss))
        return error_run(err, "iteration %d: the loss is not finite", iteration + 1);
    optimizer_step(&t->optimizer, trainee->parameters, t->gradient,
                   cross_modal_lr(t->config, t->setting->lr, iteration), (long)iteration + 1, NULL);
    return 0;
}

/* Keeps the head if it labels more validation images right than any before; without any, always. */
static void evaluate(Training *t, Outcome *outcome, int iteration) {
    const HeadSamples *val = &t->data->val;
    int correct = 0;
    head_classifier(t->head, &t->present);
    if (val->n > 0) {
        linear_classifier_logits(&t->present, NULL, t->val_logits, val->features, val->n);
        correct = count_correct(t->val_logits, val->labels, val->n, t->present.n_classes);
    }
    if (val->n > 0 && correct <= outcome->n_correct)
        return;
    outcome->n_correct = correct;
    outcome->iteration = iteration;
    outcome->best.scale = t->present.scale;
    memcpy(outcome->best.weights, t->present.weights,
           (size_t)t->present.n_classes * (size_t)t->present.embed_dim * sizeof(float));
}

/* --- all settings --- */

typedef struct {
    const CrossModalConfig *config;
    const CrossModalData *data;
    const CrossModalSetting *settings;
    Outcome *outcomes;
    Pool *pool;
} Search;

static void train_setting(void *context, int setting, int worker) {
    (void)worker;
    const Search *search = context;
    const CrossModalConfig *config = search->config;
    Outcome *outcome = &search->outcomes[setting];
    Arena *arena = arena_create();
    Training t = {.config = config, .data = search->data, .setting = &search->settings[setting]};
    Rng rng;
    rng_torch_seed(&rng, config->head.seed);
    outcome->status = training_create(&t, config->in_order ? NULL : &rng, arena, &outcome->err);
    for (int i = 0; outcome->status == 0 && i < config->max_iter; i++) {
        outcome->status = step(&t, i, &outcome->err);
        const bool last = i + 1 == config->max_iter;
        if (outcome->status == 0 && (search->data->val.n > 0 ? i % config->eval_every == 0 : last))
            evaluate(&t, outcome, i);
        if (outcome->status == 0 && i % config->eval_every == 0)
            outcome->status = pool_stopped(search->pool, &outcome->err);
    }
    arena_free(arena);
}

/* The first of the best settings, or the first that failed. */
static int choose(const Outcome *outcomes, int n, Error *err) {
    int best = 0;
    for (int i = 0; i < n; i++) {
        if (outcomes[i].status < 0) {
            if (err)
                *err = outcomes[i].err;
            return -1;
        }
        best = outcomes[i].n_correct > outcomes[best].n_correct ? i : best;
    }
    return best;
}

int cross_modal_train(LinearClassifier *classifier, CrossModalFound *found, const CrossModalConfig *config,
                      const CrossModalData *data, const CrossModalSetting *settings, int n, Pool *pool,
                      Error *err) {
    Arena *arena = arena_create();
    Outcome *outcomes = ARENA_NEW(arena, Outcome, n);
    int best = -1;
    for (int i = 0; outcomes && i < n; i++)
        outcomes[i] =
            (Outcome){.best = linear_classifier(config->head.n_classes, config->head.embed_dim, arena),
                      .n_correct = -1};
    if (arena_failed(arena)) {
        error_memory(err);
    } else {
        Search search = {config, data, settings, outcomes, pool};
        pool_run(pool, n, train_setting, &search);
        best = choose(outcomes, n, err);
    }
    if (best >= 0) {
        *found = (CrossModalFound){best, outcomes[best].iteration, outcomes[best].n_correct};
        classifier->scale = outcomes[best].best.scale;
        memcpy(classifier->weights, outcomes[best].best.weights,
               (size_t)classifier->n_classes * (size_t)classifier->embed_dim * sizeof(float));
    }
    arena_free(arena);
    return best < 0 ? -1 : 0;
}
