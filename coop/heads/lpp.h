/* lpp.h: LP++, a linear probe with a weight for the text of each class (Huang et al. 2024, "LP++: A
 * Surprisingly Strong Linear Probe for Few-Shot CLIP", CVPR 2024; methods/linear_probe_p2.py of
 * FewShot-CLIP-Strong-Baseline).
 *
 *     logits_k = f . w_k + b_k + alpha_k f . t_k                      no temperature
 *     w: SGD with momentum 0.9 over all images at once, rate 4 N / (largest eigenvalue of F^T F)
 *     alpha: every tenth epoch a step of rate N / (4 max_k sum_i (f_i . t_k)^2)
 *
 * The start is w_k = the sum of the features of class k, alpha = 250 times the mean over classes of the mean
 * f . t_k of their images. The best epoch on the validation images counts, the last among equals; without
 * any, the last.
 *
 * What the authors' program does and the paper does not say: b starts where torch.nn.Linear puts it, at
 * random; the gradient of alpha is never cleared, so that each of its steps takes the sum over all epochs so
 * far. `plain` does neither: b starts at zero, and a step takes the gradient of its epoch.
 */
#ifndef COOP_HEADS_LPP_H
#define COOP_HEADS_LPP_H

#include "clip/base/error.h"
#include "coop/heads/linear_classifier.h"

#include <stdbool.h>
#include <stdint.h>

/* Images (n, E) of unit length. */
typedef struct {
    const float *features;
    const int *labels;
    int n;
} LppImages;

typedef struct {
    const float *text; /* (K, E), unit length */
    int max_epoch;
    double lr;       /* of w and b; 0: the one above */
    double lr_alpha; /* 0: the one above */
    bool plain;
    uint32_t seed; /* of b, as torch.manual_seed before torch.nn.Linear(E, K) */
    /* Called after every epoch, from 1 (may be NULL); a non-zero return stops: lpp_train returns 1. */
    int (*on_epoch)(void *context, int epoch, double loss);
    void *context;
} LppConfig;

typedef struct {
    double lr, lr_alpha, first_alpha;
    int epoch;   /* whose weights these are, from 1 */
    double loss; /* of the last epoch */
} LppFound;

/* Fills weights (w_k + alpha_k t_k) and bias of a classifier. -1 with ERROR_RUN when the loss is not finite
 * or memory is missing. val->n may be 0. */
int lpp_train(LinearClassifier *classifier, LppFound *found, const LppConfig *config, const LppImages *train,
              const LppImages *val, Pool *pool, Error *err);

/* The cross-entropy of images at these parameters, for its tests, as a step sees it: gradients are
 * overwritten. weights, d_weights (K, E)   bias, alpha, d_bias, d_alpha (K)   text_logits (n, K): f . t
 * logits (n, K): room */
typedef struct {
    float *weights, *bias, *alpha;
} LppParameters;
double lpp_loss(const LppParameters *at, const LppParameters *gradient, const LppImages *images,
                const float *text_logits, float *logits, int n_classes, int embed_dim, Pool *pool);

#endif
