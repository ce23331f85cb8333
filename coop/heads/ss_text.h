/* ss_text.h: SS-Text, a head in closed form between the texts and the sums of the images.
 *
 *     w_c = t_c + sum over images i of class c: f_i exp(logit_scale) / (N lambda_c)
 *     logits = exp(logit_scale) f . w_c / |w_c|
 *
 * It minimises a linear bound of CLAP's loss. lambda_c is at least 0.001. repel takes the direction of
 * 2 w_c - mean(w) away from each w_c (SS-Text+, for classes of unequal size).
 *
 * Source: Silva-Rodriguez et al. 2025, "Full Conformal Adaptation of Medical Vision-Language Models" and
 * "Few-Shot, Now for Real" (solvers/sstext.py of SS-Text).
 */
#ifndef COOP_HEADS_SS_TEXT_H
#define COOP_HEADS_SS_TEXT_H

#include "clip/base/error.h"
#include "coop/heads/linear_classifier.h"

#include <stdbool.h>

typedef enum {
    SS_TEXT_ALL,       /* lambda is 1 / N for all classes */
    SS_TEXT_PER_CLASS, /* 1 / the images of the class: one without images keeps its text */
    SS_TEXT_GIVEN
} SsTextLambda;

typedef struct {
    int n_classes, embed_dim;
    const float *text; /* (K, E): t */
    float logit_scale; /* a logarithm */
    SsTextLambda kind;
    const float *lambda; /* (K): of SS_TEXT_GIVEN */
    bool repel;
} SsTextConfig;

/* Fills weights and scale of a classifier from n images (n, E) of unit length and their labels. */
int ss_text_fit(LinearClassifier *classifier, const SsTextConfig *config, const float *images,
                const int *labels, int n, Error *err);

#endif
