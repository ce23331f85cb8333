/* tip_adapter.h: Tip-Adapter, a cache of the few-shot images beside CLIP's classifier (Zhang et al. 2022).
 *
 *     logits_k = scale x . t_k + alpha * sum over cached images i of class k: exp(-beta (1 - x . key_i))
 *
 * Keys are the features of the training images, of unit length; x a test image, t_k the text features.
 * Without training that is all; with it (Tip-Adapter-F) the keys are parameters, trained by AdamW (lr 1e-3,
 * eps 1e-4, batches of 256, 20 epochs, a cosine over all steps). alpha and beta are then searched on
 * validation images.
 *
 * Where this differs from the authors' code: scale is the checkpoint's (theirs: 100, which is that of
 * OpenAI's models); the keys after the last epoch count (theirs: those of the best epoch on the test images).
 */
#ifndef COOP_TIP_ADAPTER_H
#define COOP_TIP_ADAPTER_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"
#include "coop/trainer.h"

#include <stdint.h>

typedef struct {
    int n_keys, n_classes, embed_dim; /* n, K, E */
    float *keys;                      /* (n, E), unit length before training */
    const int *labels;                /* (n) */
    const float *text;                /* (K, E), unit length */
    float scale;                      /* exp of the checkpoint's logit_scale */
    double alpha, beta;
    Pool *pool;
} TipAdapter;

typedef struct {
    double lr;          /* 1e-3, of the first step */
    int max_epoch;      /* 20 */
    uint32_t seed;      /* of the order of the batches, as torch.manual_seed */
    double *final_loss; /* mean over the last epoch; may be NULL */
    /* Told after every step; may be NULL. */
    void (*on_step)(void *context, long done, long total);
    void *context;
} TipTraining;

/* logits (n, K) of images (n, E) of unit length. These fail when memory is missing, and with its error when
 * the pool is stopped. */
int tip_adapter_logits(const TipAdapter *adapter, float *logits, const float *images, int n, Error *err);

/* Trains the keys at the present alpha and beta. Fails with ERROR_RUN when a loss is not finite. */
int tip_adapter_train(TipAdapter *adapter, const TrainData *data, const TipTraining *training, Error *err);

/* Sets alpha and beta to the best of a grid on n images: 200 values of beta from 0.1 up to below max_beta,
 * for each 20 of alpha from 0.1 up to below max_alpha; the first of equals, after the present two, which a
 * few images often cannot tell from others. */
int tip_adapter_search(TipAdapter *adapter, const float *images, const int *labels, int n, double max_alpha,
                       double max_beta, Error *err);

/* Mean cross-entropy of B images and its gradient.
 *   images (B, E)   labels (B)   logits (B, K), affinity (B, n): room   d_keys (n, E): overwritten */
double tip_adapter_loss(const TipAdapter *adapter, const float *images, const int *labels, int B,
                        float *logits, float *affinity, float *d_keys);

#endif
