/* cosine_classifier.c: see cosine_classifier.h. */
#include "coop/cosine_classifier.h"

#include "clip/math/gemm.h"
#include "clip/math/ops.h"

#include <assert.h>
#include <math.h>
#include <string.h>

CosineClassifier cosine_classifier(int n_classes, int embed_dim, float logit_scale, Arena *arena) {
    size_t K = (size_t)n_classes, E = (size_t)embed_dim;
    return (CosineClassifier){.n_classes = n_classes,
                              .embed_dim = embed_dim,
                              .scale = expf(logit_scale),
                              .features = arena_floats(arena, K, E),
                              .d_features = arena_floats(arena, K, E),
                              .unit = arena_floats(arena, K, E),
                              .d_unit = arena_floats(arena, K, E),
                              .norm = arena_floats(arena, K, 1)};
}

void cosine_classifier_normalise(CosineClassifier *c) {
    unit_rows_forward(c->unit, c->norm, c->features, c->n_classes, c->embed_dim);
}

double cross_entropy(float *logits, const int *labels, int B, int K, int *n_correct) {
    assert(K >= 1);
    double loss = 0;
    int correct = 0;
    for (int i = 0; i < B; i++) {
        float *row = logits + (size_t)i * K;
        int best = 0;
        for (int k = 1; k < K; k++)
            best = row[k] > row[best] ? k : best;
        correct += best == labels[i];
        double max = row[best], own = row[labels[i]], sum = 0;
        for (int k = 0; k < K; k++)
            sum += exp(row[k] - max);
        loss += log(sum) - (own - max); /* cppcheck-suppress invalidFunctionArg ; sum >= 1: K >= 1 */
        for (int k = 0; k < K; k++)
            row[k] = (float)((exp(row[k] - max) / sum - (k == labels[i])) / B);
    }
    if (n_correct)
        *n_correct = correct;
    return loss / B;
}

void cosine_classifier_logits(CosineClassifier *c, const float *images, int B, float *logits) {
    int K = c->n_classes, E = c->embed_dim;
    cosine_classifier_normalise(c);
    /* logits = scale images unit^T */
    gemm(false, true, B, K, E, c->scale, images, E, c->unit, E, 0, logits, K);
}

void cosine_classifier_gradient(CosineClassifier *c, const float *images, int B, const float *d_logits) {
    int K = c->n_classes, E = c->embed_dim;
    /* d_unit = scale d_logits^T images */
    gemm(true, false, K, E, B, c->scale, d_logits, K, images, E, 0, c->d_unit, E);
}

void cosine_classifier_finish(CosineClassifier *c) {
    int K = c->n_classes, E = c->embed_dim;
    memset(c->d_features, 0, (size_t)K * (size_t)E * sizeof(float));
    unit_rows_backward(c->d_features, c->d_unit, c->unit, c->norm, K, E);
}

double cosine_classifier_loss(CosineClassifier *c, const float *images, const int *labels, int B,
                              float *logits, bool gradient, int *n_correct) {
    cosine_classifier_logits(c, images, B, logits);
    double loss = cross_entropy(logits, labels, B, c->n_classes, n_correct);
    if (!gradient)
        return loss;
    cosine_classifier_gradient(c, images, B, logits);
    cosine_classifier_finish(c);
    return loss;
}
