/* tower_head.h: from the rows that the last block leaves to features: feature = layer_norm(x) P. */
#ifndef CLIP_TRAIN_TOWER_HEAD_H
#define CLIP_TRAIN_TOWER_HEAD_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/checkpoint/config_types.h"
#include "clip/math/precision.h"
#include "clip/train/parameters.h"

#include <stdbool.h>

typedef struct {
    Parameter *norm_w, *norm_b, *projection; /* (C), (C), (C, E) */
    float eps;
    Precision precision;
    Pool *pool;
    int rows;           /* Q, of the last pass */
    float *x;           /* (Q, C) what the caller fills in */
    float *h;           /* (Q, C) layer_norm(x); in the backward pass its gradient */
    float *mean, *rstd; /* (Q) */
    float *d_x;         /* (Q, C) */
} TowerHead;

/* The layer norm has this name, without its ".weight". Borrows parameters and pool. */
int tower_head_open(TowerHead *head, const Parameters *parameters, const char *norm, const char *projection,
                    const TowerConfig *config, Precision precision, Pool *pool, Error *err);
bool tower_head_trained(const TowerHead *head); /* any of its parameters */

/* Places buffers for so many rows in memory; returns how many floats they take. With memory NULL it only
 * counts them. */
size_t tower_head_place(TowerHead *head, int rows, float *memory);

void tower_head_forward(TowerHead *head, float *features); /* (Q, E) from x */
/* Adds to gradients, given d_features (Q, E); fills in d_x if that is needed. Once for a forward pass. */
void tower_head_backward(TowerHead *head, const float *d_features, bool needs_input);

double tower_head_flops(const TowerHead *head, double rows, bool backward, bool needs_input);

#endif
