/* linear_classifier.h: what most learners on cached features end in:
 *
 *     logits = scale f . w_k + b_k        f of unit length
 */
#ifndef COOP_HEADS_LINEAR_CLASSIFIER_H
#define COOP_HEADS_LINEAR_CLASSIFIER_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

typedef struct {
    int n_classes, embed_dim; /* K, E */
    float *weights;           /* (K, E) */
    float *bias;              /* (K), zero at first */
    float scale;              /* 1 at first */
} LinearClassifier;

/* Zeroed weights, owned by the arena: ask arena_failed. */
LinearClassifier linear_classifier(int n_classes, int embed_dim, Arena *arena);

/* logits (n, K) of images (n, E) of unit length. */
void linear_classifier_logits(const LinearClassifier *classifier, Pool *pool, float *logits,
                              const float *images, int n);

#endif
