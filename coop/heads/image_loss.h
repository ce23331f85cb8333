/* image_loss.h: what a learner that changes the image features ends in: they become of unit length, and stand
 * against the texts.
 *
 *     logits = exp(logit_scale) g / |g| . t_c;  loss = mean cross-entropy
 */
#ifndef COOP_HEADS_IMAGE_LOSS_H
#define COOP_HEADS_IMAGE_LOSS_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

typedef struct {
    int n_classes, embed_dim; /* K, E */
    const float *text;        /* (K, E), unit length */
    float logit_scale;        /* a logarithm */
    int max_batch;            /* images of a call */
    Pool *pool;
} ImageLossConfig;

typedef struct {
    ImageLossConfig config;
    float scale;
    float *unit, *d_unit, *norm; /* (max_batch, E), (max_batch, E), (max_batch) */
} ImageLoss;

/* The config's arrays are borrowed; room is owned by the arena: ask arena_failed. */
ImageLoss image_loss_create(const ImageLossConfig *config, Arena *arena);

/* The loss of features g (B, E) of any length, and its gradient d_g (B, E), overwritten. logits (B, K): room.
 */
double image_loss(ImageLoss *loss, const float *g, const int *labels, int B, float *logits, float *d_g,
                  int *n_correct);

/* logits (n, K) of g (n, E); g becomes of unit length. */
void image_logits(const ImageLossConfig *config, float *logits, float *g, int n);

#endif
