/* text_adapter.c: see text_adapter.h. */
#include "coop/text_adapter.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"
#include "coop/cosine_classifier.h"

#include <string.h>

struct TextAdapter {
    TextLayer layer;
    const float *text;           /* (K, E): t */
    CosineClassifier classifier; /* of t' */
    float *parameters;           /* W (E, E) or b (E) */
    Rng generator;
    Pool *pool;
    Trainee trainee;
};

/* t' = W t  or  t' = t + b */
static void layer_forward(TextAdapter *adapter) {
    CosineClassifier *c = &adapter->classifier;
    size_t K = (size_t)c->n_classes, E = (size_t)c->embed_dim;
    if (adapter->layer == TEXT_LINEAR) {
        linear_forward(adapter->pool, c->features, adapter->text, adapter->parameters, NULL, (int)K, (int)E,
                       (int)E, false);
        return;
    }
    memcpy(c->features, adapter->text, K * E * sizeof(float));
    for (size_t k = 0; k < K; k++)
        add_rows(c->features + k * E, adapter->parameters, E);
}

/* t' = W t  gives  d_W = d_t'^T t;  t' = t + b  gives  d_b = the sum of the rows of d_t'. */
static void layer_backward(TextAdapter *adapter, float *gradient) {
    const CosineClassifier *c = &adapter->classifier;
    size_t K = (size_t)c->n_classes, E = (size_t)c->embed_dim;
    if (adapter->layer == TEXT_LINEAR) {
        linear_backward_weight(adapter->pool, gradient, c->d_features, adapter->text, (int)K, (int)E, (int)E);
        return;
    }
    memset(gradient, 0, E * sizeof(float));
    for (size_t k = 0; k < K; k++)
        add_rows(gradient, c->d_features + k * E, E);
}

static double loss(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct) {
    TextAdapter *adapter = model;
    layer_forward(adapter);
    double mean = cosine_classifier_loss(&adapter->classifier, images, labels, B, logits, true, n_correct);
    layer_backward(adapter, gradient);
    return mean;
}

TextAdapter *text_adapter_create(TextLayer layer, const float *text, int n_classes, int embed_dim,
                                 float logit_scale, uint32_t seed, Pool *pool, Arena *arena) {
    TextAdapter *adapter = ARENA_NEW(arena, TextAdapter, 1);
    size_t E = (size_t)embed_dim, n = layer == TEXT_LINEAR ? E * E : E;
    float *parameters = arena_floats(arena, layer == TEXT_LINEAR ? E : 1, E);
    CosineClassifier classifier = cosine_classifier(n_classes, embed_dim, logit_scale, arena);
    if (arena_failed(arena))
        return NULL;
    for (size_t i = 0; layer == TEXT_LINEAR && i < E; i++)
        parameters[i * E + i] = 1;
    *adapter = (TextAdapter){.layer = layer,
                             .text = text,
                             .classifier = classifier,
                             .parameters = parameters,
                             .pool = pool,
                             .trainee = {.name = layer == TEXT_LINEAR ? "weight" : "bias",
                                         .parameters = parameters,
                                         .n_parameters = n,
                                         .n_classes = n_classes,
                                         .generator = &adapter->generator,
                                         .loss = loss,
                                         .model = adapter}};
    rng_torch_seed(&adapter->generator, seed);
    return adapter;
}

const Trainee *text_adapter_trainee(TextAdapter *adapter) {
    return &adapter->trainee;
}

void text_adapter_features(TextAdapter *adapter, float *features) {
    const CosineClassifier *c = &adapter->classifier;
    layer_forward(adapter);
    cosine_classifier_normalise(&adapter->classifier);
    memcpy(features, c->unit, (size_t)c->n_classes * (size_t)c->embed_dim * sizeof *features);
}
