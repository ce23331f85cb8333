/* clip_adapter.h: CLIP-Adapter, a small network beside the image features (Gao et al. 2021; clip_adapter.py
 * of its repository).
 *
 *     g = ratio relu(W2 relu(W1 f)) + (1 - ratio) f      f as the tower gives it
 *     W1 (E / reduction, E), W2 (E, E / reduction), no biases, from torch.nn.Linear's start
 */
#ifndef COOP_HEADS_CLIP_ADAPTER_H
#define COOP_HEADS_CLIP_ADAPTER_H

#include "coop/heads/image_loss.h"
#include "coop/trainer.h"

#include <stdint.h>

typedef struct {
    ImageLossConfig loss;
    int reduction;
    double ratio;
    uint32_t seed; /* of the start and of the order of the images, as torch.manual_seed */
} ClipAdapterConfig;

int clip_adapter_hidden(const ClipAdapterConfig *config); /* H = E / reduction, at least 1 */

typedef struct ClipAdapter ClipAdapter;

/* Owned by the arena; NULL when there is no memory. */
ClipAdapter *clip_adapter_create(const ClipAdapterConfig *config, Arena *arena);

/* What the training loop sees: W1 and behind it W2, called "adapter". Owned by the adapter. */
const Trainee *clip_adapter_trainee(ClipAdapter *adapter);

/* g (n, E) of features f (n, E); -1 when there is no memory. */
int clip_adapter_features(const ClipAdapter *adapter, float *g, const float *f, int n, Error *err);

#endif
