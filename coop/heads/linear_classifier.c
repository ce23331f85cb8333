/* linear_classifier.c: see linear_classifier.h */
#include "coop/heads/linear_classifier.h"

#include "clip/math/product.h"

LinearClassifier linear_classifier(int n_classes, int embed_dim, Arena *arena) {
    return (LinearClassifier){.n_classes = n_classes,
                              .embed_dim = embed_dim,
                              .weights = arena_floats(arena, (size_t)n_classes, (size_t)embed_dim),
                              .bias = arena_floats(arena, (size_t)n_classes, 1),
                              .scale = 1};
}

void linear_classifier_logits(const LinearClassifier *c, Pool *pool, float *logits, const float *images,
                              int n) {
    const size_t K = (size_t)c->n_classes;
    product_linear(pool, logits, images, c->weights, NULL, NULL, n, c->embed_dim, c->n_classes,
                   PRECISION_FLOAT32);
    for (size_t i = 0; i < (size_t)n; i++)
        for (size_t k = 0; k < K; k++)
            logits[i * K + k] = c->scale * logits[i * K + k] + c->bias[k];
}
