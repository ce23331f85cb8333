/* tip_adapter.h: Tip-Adapter, a cache of the few-shot images beside CLIP's classifier (Zhang et al. 2022).
 *
 *     logits_k = scale x . t_k + alpha * sum over cached images i of class k: exp(-beta (1 - x . key_i))
 *
 * Keys are the features of the training images, of unit length; x a test image, t_k the text features.
 * Without training that is all; with it (Tip-Adapter-F) the keys are parameters, trained by AdamW (lr 1e-3,
 * eps 1e-4, weight decay 0.01, batches of 256, 20 epochs, a cosine over all steps). alpha and beta are then
 * searched on validation images.
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

/* logits (n, K) of images (n, E) of unit length. This and the search fail when there is no memory and, with
 * its error, when the pool is stopped. */
int tip_adapter_logits(const TipAdapter *adapter, float *logits, const float *images, int n, Error *err);

/* What the training loop sees: the keys, called "keys", and their loss at the present alpha and beta, in
 * batches of at most TIP_ADAPTER_BATCH; seed is that of the order of the images, as torch.manual_seed. The
 * adapter is borrowed; owned by the arena, NULL when there is no memory. */
enum { TIP_ADAPTER_BATCH = 256 };
const Trainee *tip_adapter_trainee(const TipAdapter *adapter, uint32_t seed, Arena *arena);

/* The recipe of Tip-Adapter-F (above). */
OptimConfig tip_adapter_optim(double lr, int max_epoch);

/* Sets alpha and beta to the best of a grid on n images: 200 values of beta from 0.1 up to below max_beta,
 * for each 20 of alpha from 0.1 up to below max_alpha; of equals the
 * first is taken, and the present pair comes before the grid, since a few images often cannot tell pairs
 * apart. */
int tip_adapter_search(TipAdapter *adapter, const float *images, const int *labels, int n, double max_alpha,
                       double max_beta, Error *err);

/* Mean cross-entropy of B images and its gradient.
 *   images (B, E)   labels (B)   logits (B, K), affinity (B, n): room   d_keys (n, E): overwritten
 * *n_correct (may be NULL) counts the images whose label has the largest logit. */
double tip_adapter_loss(const TipAdapter *adapter, const float *images, const int *labels, int B,
                        float *logits, float *affinity, float *d_keys, int *n_correct);

#endif
