/* cross_modal.h: a linear head trained on images and texts alike: half of each batch are texts of the classes
 * (Lin et al. 2023, "Multimodality Helps Unimodality"; train.py and engine/optimizer of
 * cross_modal_adaptation).
 *
 *     logits = exp(logit_scale) f . w_c      w from the texts, no bias; f an image or a text, of unit length
 *
 * AdamW; the rate rises in warmup_iter steps, then falls along a cosine over max_iter more. Every eval_every
 * iterations, from the first on, the head is tested on validation images; the first of the best counts,
 * without any the last. Rates, decays and batch sizes are searched likewise.
 */
#ifndef COOP_HEADS_CROSS_MODAL_H
#define COOP_HEADS_CROSS_MODAL_H

#include "coop/heads/head.h"

/* Rows (n, E) of unit length. */
typedef struct {
    const float *features;
    const int *labels;
    int n;
} HeadSamples;

typedef struct {
    double lr, weight_decay;
    int n_images, n_texts; /* of a batch; of fewer all are taken each time */
} CrossModalSetting;

typedef struct {
    HeadConfig head; /* text: (K, E), unit length; as_it_is */
    int max_iter, warmup_iter, eval_every;
    double warmup_min_lr; /* of the first iteration */
    bool in_order;        /* no shuffling: for tests */
} CrossModalConfig;

typedef struct {
    HeadSamples images, texts, val;
} CrossModalData;

typedef struct {
    int setting;   /* its index */
    int iteration; /* from 0 */
    int n_correct; /* of the validation images */
} CrossModalFound;

double cross_modal_lr(const CrossModalConfig *config, double lr, int iteration);

/* Trains with each of the settings (n), side by side on the threads of the pool, and fills the classifier
 * with the best. -1 with ERROR_RUN when a loss is not finite or memory is missing, and when the pool is
 * stopped. */
int cross_modal_train(LinearClassifier *classifier, CrossModalFound *found, const CrossModalConfig *config,
                      const CrossModalData *data, const CrossModalSetting *settings, int n, Pool *pool,
                      Error *err);

#endif
