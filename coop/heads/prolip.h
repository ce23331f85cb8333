/* prolip.h: ProLIP, the image projection alone, trained near where it was (Fahes et al. 2024, "CLIP's Visual
 * Embedding Projector is a Few-shot Cornucopia"; methods/ProLIP.py of ProLIP).
 *
 *     g = W x + b       x: what the tower has before its projection (C); a ResNet's b is not trained
 *     loss = cross-entropy + lambda |W - W0|^2      the sum over all elements
 */
#ifndef COOP_HEADS_PROLIP_H
#define COOP_HEADS_PROLIP_H

#include "coop/heads/image_loss.h"
#include "coop/trainer.h"

#include <stdint.h>

typedef struct {
    ImageLossConfig loss;
    int width;         /* C */
    const float *w0;   /* (E, C) */
    const float *bias; /* (E) or NULL */
    double lambda;
    uint32_t seed;
} ProlipConfig;

typedef struct Prolip Prolip;

/* Borrows what the config points to. Owned by the arena; NULL when there is no memory. */
Prolip *prolip_create(const ProlipConfig *config, Arena *arena);

/* What the training loop sees: W (E, C), called "projection". Owned by the learner. */
const Trainee *prolip_trainee(Prolip *prolip);

/* g (n, E) of x (n, C). */
void prolip_features(const Prolip *prolip, float *g, const float *x, int n);

#endif
