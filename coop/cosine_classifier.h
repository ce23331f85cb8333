/* cosine_classifier.h: what every learned variant of CLIP's text side ends in, images against classes.
 *
 *     unit = features / |features|;  logits = scale images unit^T;  loss = mean cross-entropy
 *
 * (Radford et al. 2021, figure 3; Zhou et al. 2022, equation 1.)
 */
#ifndef COOP_COSINE_CLASSIFIER_H
#define COOP_COSINE_CLASSIFIER_H

#include "clip/base/arena.h"

typedef struct {
    int n_classes, embed_dim;     /* K, E */
    float scale;                  /* exp of the checkpoint's logit_scale */
    float *features, *d_features; /* (K, E), of any length */
    float *unit, *d_unit, *norm;  /* (K, E), (K, E), (K) */
} CosineClassifier;

/* Arrays are owned by the arena: ask arena_failed. logit_scale is a logarithm. */
CosineClassifier cosine_classifier(int n_classes, int embed_dim, float logit_scale, Arena *arena);

/* Fills unit from features. */
void cosine_classifier_normalise(CosineClassifier *classifier);

/* Normalises; the loss of B images (B, E) of unit length. logits (B, K): room that is overwritten. With
 * gradient, d_features is overwritten too. *n_correct (may be NULL) counts the images whose label has the
 * largest logit. */
double cosine_classifier_loss(CosineClassifier *classifier, const float *images, const int *labels, int B,
                              float *logits, bool gradient, int *n_correct);

/* The same in steps, for losses of other kinds: normalises, and gives the logits; d_unit from d_logits (B,
 * K), to which a loss may add; d_features from d_unit. */
void cosine_classifier_logits(CosineClassifier *classifier, const float *images, int B, float *logits);
void cosine_classifier_gradient(CosineClassifier *classifier, const float *images, int B,
                                const float *d_logits);
void cosine_classifier_finish(CosineClassifier *classifier);

/* In place: logits (B, K) become d_loss/d_logits = (softmax - one-hot) / B. Returns the mean cross-entropy.
 */
double cross_entropy(float *logits, const int *labels, int B, int K, int *n_correct);

#endif
