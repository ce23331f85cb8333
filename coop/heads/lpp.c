/* lpp.c: see lpp.h. f . t is computed once: the texts do not move. */
#include "coop/heads/lpp.h"

#include "clip/base/random.h"
#include "clip/math/product.h"
#include "coop/heads/softmax_loss.h"
#include "coop/steps/optimizer.h"

#include <math.h>
#include <string.h>

enum { ALPHA_EVERY = 10 };
#define ALPHA_START 250

/* --- start and rates --- */

/* The largest eigenvalue of F^T F, by the powers of it. */
static int largest_eigenvalue(double *value, const LppImages *images, int embed_dim, Pool *pool, Error *err) {
    enum { MOST = 10000 };
    const size_t E = (size_t)embed_dim;
    Arena *arena = arena_create();
    float *gram = arena_floats(arena, E, E);
    double *x = ARENA_NEW(arena, double, E), *y = ARENA_NEW(arena, double, E), before = 0;
    const int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0)
        product_linear_weight(pool, gram, images->features, images->features, images->n, embed_dim, embed_dim,
                              PRECISION_FLOAT32);
    for (size_t e = 0; status == 0 && e < E; e++)
        x[e] = 1 + 1e-3 * (double)(e % 7); /* at right angles to nothing that matters */
    *value = 0;
    for (int i = 0; status == 0 && i < MOST; i++) {
        double square = 0;
        for (size_t r = 0; r < E; r++) {
            y[r] = 0;
            for (size_t c = 0; c < E; c++)
                y[r] += (double)gram[r * E + c] * x[c];
            square += y[r] * y[r];
        }
        const double length = sqrt(square);
        for (size_t r = 0; r < E; r++)
            x[r] = y[r] / length;
        before = *value;
        *value = length;
        if (i > 0 && fabs(length - before) <= 1e-10 * length)
            break;
    }
    arena_free(arena);
    return status;
}

static void class_sums(float *weights, const LppImages *images, int embed_dim) {
    const size_t E = (size_t)embed_dim;
    for (size_t i = 0; i < (size_t)images->n * E; i++)
        weights[(size_t)images->labels[i / E] * E + i % E] += images->features[i];
}

/* 250 times the mean over classes of the mean of f . t_k over their images; a class without any has none. */
static double start_alpha(const float *text_logits, const LppImages *images, int *counts, int n_classes) {
    const size_t K = (size_t)n_classes;
    double sum = 0;
    for (int i = 0; i < images->n; i++)
        counts[images->labels[i]]++;
    for (size_t i = 0; i < (size_t)images->n; i++)
        sum += (double)text_logits[i * K + (size_t)images->labels[i]] / counts[images->labels[i]];
    return ALPHA_START * sum / n_classes;
}

static double alpha_rate(const float *text_logits, int n, int n_classes) {
    double largest = 0;
    for (int k = 0; k < n_classes; k++) {
        double square = 0;
        for (size_t i = (size_t)k; i < (size_t)n * (size_t)n_classes; i += (size_t)n_classes)
            square += (double)text_logits[i] * (double)text_logits[i];
        largest = square > largest ? square : largest;
    }
    return n / (4 * largest);
}

/* The bias of torch.nn.Linear(E, K), whose weights are drawn before it. */
static void start_bias(float *bias, int n_classes, int embed_dim, uint32_t seed) {
    const float bound = (float)(1 / sqrt((double)embed_dim));
    Rng rng;
    rng_torch_seed(&rng, seed);
    for (size_t i = 0; i < (size_t)n_classes * (size_t)embed_dim; i++)
        rng_torch_uniform(&rng, bias, 1, -bound, bound);
    rng_torch_uniform(&rng, bias, (size_t)n_classes, -bound, bound);
}

/* --- loss --- */

/* logits = F w^T + b + alpha F t^T */
static void logits_of(float *logits, const LppParameters *at, const LppImages *images,
                      const float *text_logits, int n_classes, int embed_dim, Pool *pool) {
    const size_t K = (size_t)n_classes;
    product_linear(pool, logits, images->features, at->weights, at->bias, NULL, images->n, embed_dim,
                   n_classes, PRECISION_FLOAT32);
    for (size_t i = 0; i < (size_t)images->n; i++)
        for (size_t k = 0; k < K; k++)
            logits[i * K + k] += at->alpha[k] * text_logits[i * K + k];
}

double lpp_loss(const LppParameters *at, const LppParameters *gradient, const LppImages *images,
                const float *text_logits, float *logits, int n_classes, int embed_dim, Pool *pool) {
    const size_t K = (size_t)n_classes;
    logits_of(logits, at, images, text_logits, n_classes, embed_dim, pool);
    const double loss = softmax_loss(pool, logits, images->labels, images->n, n_classes, 1, NULL);
    memset(gradient->weights, 0, K * (size_t)embed_dim * sizeof *gradient->weights);
    product_linear_weight(pool, gradient->weights, logits, images->features, images->n, embed_dim, n_classes,
                          PRECISION_FLOAT32);
    memset(gradient->bias, 0, K * sizeof *gradient->bias);
    memset(gradient->alpha, 0, K * sizeof *gradient->alpha);
    for (size_t i = 0; i < (size_t)images->n; i++)
        for (size_t k = 0; k < K; k++) {
            gradient->bias[k] += logits[i * K + k];
            gradient->alpha[k] += logits[i * K + k] * text_logits[i * K + k];
        }
    return loss;
}

/* --- training --- */

typedef struct {
    int K, E;
    LppParameters at, gradient; /* weights and bias lie one behind the other */
    float *alpha_sum;           /* (K): the gradient of alpha that its next step takes */
    float *text_logits, *logits, *val_text_logits, *val_logits;
    float *best; /* as `at` */
    int *counts; /* (K) */
    size_t size; /* of weights, bias and alpha together */
    Optimizer optimizer;
    Pool *pool;
} Run;

static LppParameters parameters(float *values, int K, int E) {
    return (LppParameters){values, values + (size_t)K * (size_t)E, values + (size_t)K * (size_t)(E + 1)};
}

static int allocate(Run *run, const LppImages *train, const LppImages *val, Arena *arena, Error *err) {
    const size_t K = (size_t)run->K, E = (size_t)run->E, n = (size_t)train->n, n_val = (size_t)val->n;
    run->size = K * (E + 2);
    float *values = arena_floats(arena, K, E + 2), *gradient = arena_floats(arena, K, E + 2);
    run->best = arena_floats(arena, K, E + 2);
    run->alpha_sum = arena_floats(arena, K, 1);
    run->text_logits = arena_floats(arena, n, K);
    run->logits = arena_floats(arena, n, K);
    run->val_text_logits = arena_floats(arena, n_val, K);
    run->val_logits = arena_floats(arena, n_val, K);
    run->counts = ARENA_NEW(arena, int, K);
    run->optimizer = optimizer_sgd(K * (E + 1), 0.9, 0, arena);
    if (arena_failed(arena))
        return error_memory(err);
    run->at = parameters(values, run->K, run->E);
    run->gradient = parameters(gradient, run->K, run->E);
    return 0;
}

static int start(Run *run, LppFound *found, const LppConfig *config, const LppImages *train,
                 const LppImages *val, Error *err) {
    double eigenvalue;
    product_linear(run->pool, run->text_logits, train->features, config->text, NULL, NULL, train->n, run->E,
                   run->K, PRECISION_FLOAT32);
    if (val->n > 0)
        product_linear(run->pool, run->val_text_logits, val->features, config->text, NULL, NULL, val->n,
                       run->E, run->K, PRECISION_FLOAT32);
    if (largest_eigenvalue(&eigenvalue, train, run->E, run->pool, err) < 0)
        return -1;
    *found = (LppFound){.lr = config->lr > 0 ? config->lr : 4 * train->n / eigenvalue,
                        .lr_alpha = config->lr_alpha > 0 ? config->lr_alpha
                                                         : alpha_rate(run->text_logits, train->n, run->K),
                        .first_alpha = start_alpha(run->text_logits, train, run->counts, run->K)};
    class_sums(run->at.weights, train, run->E);
    if (!config->plain)
        start_bias(run->at.bias, run->K, run->E, config->seed);
    for (int k = 0; k < run->K; k++)
        run->at.alpha[k] = (float)found->first_alpha;
    return 0;
}

static double step(Run *run, const LppFound *found, const LppConfig *config, const LppImages *train,
                   int epoch) {
    const double loss =
        lpp_loss(&run->at, &run->gradient, train, run->text_logits, run->logits, run->K, run->E, run->pool);
    optimizer_step(&run->optimizer, run->at.weights, run->gradient.weights, found->lr, epoch, run->pool);
    for (int k = 0; k < run->K; k++) {
        run->alpha_sum[k] = run->gradient.alpha[k] + (config->plain ? 0 : run->alpha_sum[k]);
        if (epoch % ALPHA_EVERY == 0)
            run->at.alpha[k] -= (float)found->lr_alpha * run->alpha_sum[k];
    }
    return loss;
}

/* Keeps the parameters if no earlier ones label more validation images right. */
static void validate(Run *run, LppFound *found, const LppImages *val, int epoch, int *most) {
    int correct = 0;
    if (val->n > 0) {
        logits_of(run->val_logits, &run->at, val, run->val_text_logits, run->K, run->E, run->pool);
        correct = count_correct(run->val_logits, val->labels, val->n, run->K);
    }
    if (correct < *most)
        return;
    *most = correct;
    found->epoch = epoch;
    memcpy(run->best, run->at.weights, run->size * sizeof *run->best);
}

static void finish(const Run *run, LinearClassifier *classifier, const float *text) {
    const LppParameters best = parameters(run->best, run->K, run->E);
    const size_t E = (size_t)run->E;
    for (size_t i = 0; i < (size_t)run->K * E; i++)
        classifier->weights[i] = best.weights[i] + best.alpha[i / E] * text[i];
    memcpy(classifier->bias, best.bias, (size_t)run->K * sizeof *best.bias);
    classifier->scale = 1;
}

int lpp_train(LinearClassifier *classifier, LppFound *found, const LppConfig *config, const LppImages *train,
              const LppImages *val, Pool *pool, Error *err) {
    Arena *arena = arena_create();
    Run run = {.K = classifier->n_classes, .E = classifier->embed_dim, .pool = pool};
    int most = 0, status = allocate(&run, train, val, arena, err);
    if (status == 0)
        status = start(&run, found, config, train, val, err);
    for (int epoch = 1; status == 0 && epoch <= config->max_epoch; epoch++) {
        found->loss = step(&run, found, config, train, epoch);
        if (!isfinite(found->loss))
            status = error_run(err, "epoch %d: the loss is not finite", epoch);
        else
            validate(&run, found, val, epoch, &most);
        if (status == 0 && config->on_epoch && config->on_epoch(config->context, epoch, found->loss) != 0)
            status = 1;
    }
    if (status == 0)
        finish(&run, classifier, config->text);
    arena_free(arena);
    return status;
}
