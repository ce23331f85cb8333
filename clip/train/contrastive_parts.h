/* contrastive_parts.h: the loss of contrastive.h, computed a part of the pairs at a time, so that several
 * processes can share it (OpenCLIP's local loss, with the whole gradient).
 *
 *     forward    of a part's rows and columns of the logits: log sum exp, and the logit of each pair
 *     (then those of all parts are brought together)
 *     backward   the part's rows of d_image and d_text
 *
 * A part computes its rows and its columns, (rows, n) each, and nothing else: all parts together make four
 * products where contrastive_loss makes three. What it computes does not depend on the other parts.
 */
#ifndef CLIP_TRAIN_CONTRASTIVE_PARTS_H
#define CLIP_TRAIN_CONTRASTIVE_PARTS_H

#include "clip/base/arena.h"
#include "clip/base/parallel.h"

/* Of a pair. */
typedef struct {
    double image_lse, text_lse; /* log sum exp of its row, and of its column */
    double logit;               /* of image and caption */
} PairSums;

typedef struct {
    int n, E;               /* pairs of all parts */
    float scale;            /* e^s */
    float *u, *v;           /* (n, E) unit rows of images and texts */
    float *u_norm, *v_norm; /* (n) */
    float *logits;          /* (block, n) */
    float *d_unit;          /* (block, E) */
    double *d_s;            /* (block) */
    PairSums *sums;         /* (n) */
} ContrastiveParts;

/* For n pairs at most; owned by the arena. */
int contrastive_parts_open(ContrastiveParts *loss, int n, int E, Arena *arena, Error *err);

/* image, text (n, E), not of unit length; s is logit_scale. Of all pairs. */
void contrastive_parts_begin(ContrastiveParts *loss, const float *image, const float *text, float s, int n,
                             Pool *pool);
/* Fills the sums of pairs first .. first + rows - 1. */
void contrastive_parts_forward(ContrastiveParts *loss, int first, int rows, Pool *pool);

/* Given the sums of all pairs: the loss. */
double contrastive_parts_value(const ContrastiveParts *loss);
/* Fills d_image and d_text (rows, E; either may be NULL) of these pairs, and returns their part of d_s. */
double contrastive_parts_backward(ContrastiveParts *loss, float *d_image, float *d_text, int first, int rows,
                                  Pool *pool);

#endif
