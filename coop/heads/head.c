/* head.c: see head.h */
#include "coop/heads/head.h"

#include "clip/base/minimum.h"
#include "clip/math/ops.h"
#include "clip/math/product.h"
#include "coop/heads/softmax_loss.h"

#include <math.h>
#include <string.h>

enum { CLASSES = 8 }; /* of a tile */

struct Head {
    HeadConfig config;
    float scale;       /* exp of logit_scale */
    float *parameters; /* (K, E): x */
    float *weights;    /* (K, E): w; x itself where that is the head */
    float *unit;       /* (K, E): w of unit length; w itself as it is */
    float *d_unit, *norm;
    double *apart;   /* (K): what a class adds to the loss by lambda */
    float *gradient; /* (K, E): of x, during a step; the trainer's */
    Rng generator;
    Pool *pool;
    Trainee trainee;
};

static size_t size_of(const Head *head) {
    return (size_t)head->config.n_classes * (size_t)head->config.embed_dim;
}

/* --- what is done class by class --- */

typedef struct {
    int first, n;      /* classes */
    size_t begin, end; /* of their numbers in (K, E) */
} Classes;

static Classes classes_of(const Head *head, int tile) {
    const int first = tile * CLASSES, n = min_int(CLASSES, head->config.n_classes - first);
    const size_t E = (size_t)head->config.embed_dim, begin = (size_t)first * E;
    return (Classes){first, n, begin, begin + (size_t)n * E};
}

/* w = t + alpha x, and w of unit length */
static void forward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Head *head = context;
    const HeadConfig *c = &head->config;
    const Classes at = classes_of(head, tile);
    const float alpha = (float)c->alpha;
    for (size_t i = at.begin; head->weights != head->parameters && i < at.end; i++)
        head->weights[i] = c->text[i] + alpha * head->parameters[i];
    if (!c->as_it_is)
        unit_rows_forward(head->unit + at.begin, head->norm + at.first, head->weights + at.begin, at.n,
                          c->embed_dim);
}

static void weights_forward(Head *head) {
    pool_run(head->pool, ceil_div(head->config.n_classes, CLASSES), forward_tile, head);
}

/* lambda |w - t|^2 of a class, whose gradient is added. */
static double constraint(const Head *head, size_t k) {
    const HeadConfig *c = &head->config;
    const size_t E = (size_t)c->embed_dim;
    const float share = 2 * c->lambda[k] / (float)c->n_classes;
    double square = 0;
    for (size_t i = k * E; i < (k + 1) * E; i++) {
        const float apart = head->weights[i] - c->text[i];
        square += (double)apart * (double)apart;
        head->gradient[i] += share * apart;
    }
    return (double)c->lambda[k] * square;
}

/* The gradient of w and of x, from that of w of unit length, or of w as it is. */
static void backward_tile(void *context, int tile, int worker) {
    (void)worker;
    const Head *head = context;
    const HeadConfig *c = &head->config;
    const Classes at = classes_of(head, tile);
    float *gradient = head->gradient + at.begin;
    if (!c->as_it_is) {
        memset(gradient, 0, (at.end - at.begin) * sizeof *gradient);
        unit_rows_backward(gradient, head->d_unit + at.begin, head->unit + at.begin, head->norm + at.first,
                           at.n, c->embed_dim);
    }
    for (int k = at.first; c->lambda && k < at.first + at.n; k++)
        head->apart[k] = constraint(head, (size_t)k);
    for (size_t i = at.begin; c->alpha != 0 && i < at.end; i++)
        head->gradient[i] *= (float)c->alpha;
}

/* cosines = f . unit  gives  d_unit = d_cosines^T f, and that of w and x behind it. */
static void weights_backward(Head *head, const float *images, const float *d_cosines, int B) {
    const HeadConfig *c = &head->config;
    float *d_unit = c->as_it_is ? head->gradient : head->d_unit;
    const Product p = {.m = c->n_classes,
                       .n = c->embed_dim,
                       .k = B,
                       .a = d_cosines,
                       .lda = c->n_classes,
                       .trans_a = true,
                       .b = images,
                       .ldb = c->embed_dim,
                       .c = d_unit,
                       .ldc = c->embed_dim};
    product_run(head->pool, &p, PRECISION_FLOAT32);
    pool_run(head->pool, ceil_div(c->n_classes, CLASSES), backward_tile, head);
}

static double loss(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct) {
    Head *head = model;
    const HeadConfig *c = &head->config;
    head->gradient = gradient;
    weights_forward(head);
    product_linear(head->pool, logits, images, head->unit, NULL, NULL, B, c->embed_dim, c->n_classes,
                   PRECISION_FLOAT32);
    double mean = softmax_loss(head->pool, logits, labels, B, c->n_classes, head->scale, n_correct), sum = 0;
    weights_backward(head, images, logits, B);
    for (int k = 0; c->lambda && k < c->n_classes; k++)
        sum += head->apart[k];
    return mean + sum / c->n_classes;
}

Head *head_create(const HeadConfig *config, Pool *pool, Arena *arena) {
    const size_t K = (size_t)config->n_classes, E = (size_t)config->embed_dim;
    const bool is_residual = config->alpha != 0;
    Head *head = ARENA_NEW(arena, Head, 1);
    float *parameters = arena_floats(arena, K, E);
    float *weights = is_residual ? arena_floats(arena, K, E) : parameters;
    float *unit = config->as_it_is ? weights : arena_floats(arena, K, E);
    float *d_unit = config->as_it_is ? NULL : arena_floats(arena, K, E), *norm = arena_floats(arena, K, 1);
    double *apart = ARENA_NEW(arena, double, K);
    if (arena_failed(arena))
        return NULL;
    if (!is_residual)
        memcpy(parameters, config->text, K * E * sizeof *parameters);
    *head = (Head){.config = *config,
                   .scale = expf(config->logit_scale),
                   .parameters = parameters,
                   .weights = weights,
                   .unit = unit,
                   .d_unit = d_unit,
                   .norm = norm,
                   .apart = apart,
                   .pool = pool,
                   .trainee = {.name = is_residual ? "residual" : "head",
                               .parameters = parameters,
                               .n_parameters = K * E,
                               .n_classes = config->n_classes,
                               .pool = pool,
                               .generator = &head->generator,
                               .loss = loss,
                               .model = head}};
    rng_torch_seed(&head->generator, config->seed);
    return head;
}

const Trainee *head_trainee(Head *head) {
    return &head->trainee;
}

void head_classifier(Head *head, LinearClassifier *classifier) {
    weights_forward(head);
    memcpy(classifier->weights, head->unit, size_of(head) * sizeof *head->unit);
    classifier->scale = head->scale;
}

/* The mean of what a class has, of those that have some, for the others. */
static void fill_missing(float *lambda, const double *sums, const int *counts, int K) {
    double total = 0;
    int n = 0;
    for (int k = 0; k < K; k++)
        if (counts[k] > 0) {
            lambda[k] = (float)(sums[k] / counts[k]);
            total += sums[k] / counts[k];
            n++;
        }
    for (int k = 0; k < K; k++)
        if (counts[k] == 0)
            lambda[k] = n > 0 ? (float)(total / n) : 0;
}

int head_zero_shot_lambda(float *lambda, const HeadConfig *config, const float *images, const int *labels,
                          int n, Pool *pool, Error *err) {
    enum { CHUNK = 1024 };
    const size_t K = (size_t)config->n_classes, E = (size_t)config->embed_dim;
    Arena *arena = arena_create();
    LinearClassifier text = linear_classifier(config->n_classes, config->embed_dim, arena);
    float *logits = arena_floats(arena, CHUNK, K);
    double *sums = ARENA_NEW(arena, double, K);
    int *counts = ARENA_NEW(arena, int, K);
    const int status = arena_failed(arena) ? error_memory(err) : 0;
    if (status == 0) {
        unit_rows_forward(text.weights, NULL, config->text, (int)K, (int)E);
        text.scale = expf(config->logit_scale);
    }
    for (int first = 0; status == 0 && first < n; first += CHUNK) {
        const int rows = n - first < CHUNK ? n - first : CHUNK;
        linear_classifier_logits(&text, pool, logits, images + (size_t)first * E, rows);
        for (int i = 0; i < rows; i++) {
            const int label = labels[first + i];
            softmax_row(logits + (size_t)i * K, (int)K);
            sums[label] += (double)logits[(size_t)i * K + (size_t)label];
            counts[label]++;
        }
    }
    if (status == 0)
        fill_missing(lambda, sums, counts, (int)K);
    arena_free(arena);
    return status;
}
