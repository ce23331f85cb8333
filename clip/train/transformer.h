/* transformer.h: the blocks of a tower, one after the other, forward and backward, within a memory budget.
 *
 * A backward pass goes down to the lowest block in which something is trained, and no further. The inputs of
 * the blocks that it visits are kept, and what is inside of as many as fit; it computes the others again from
 * their inputs: the same products in the same tiles, so the same bits.
 */
#ifndef CLIP_TRAIN_TRANSFORMER_H
#define CLIP_TRAIN_TRANSFORMER_H

#include "clip/train/transformer_block.h"

typedef struct {
    int n_layers, lowest;    /* L; the lowest block with a backward pass: L, when there is none */
    bool below;              /* something before the blocks is trained */
    int wide;                /* floats of a row of scratch.wide, at least; may be raised before placing */
    BlockContext context;    /* without rows and scratch */
    BlockParameters *blocks; /* (L) */

    /* Of the last pass. */
    BlockRows rows;
    bool backward;
    BlockActivations *activations; /* (L) */
    bool *kept;                    /* (L) with activations of their own; the others share a slot */
    BlockScratch scratch;
    float *x;   /* (R, C): the input of the first block, for the caller to fill in */
    float *d_x; /* (R, C): its gradient, if below, after the backward pass */
} Transformer;

/* The blocks behind a prefix ("", "visual."). below says whether something before them is trained. Parameters
 * and pool are borrowed; the rest is owned by the arena. */
int transformer_open(Transformer *t, const Parameters *parameters, const char *prefix,
                     const TowerConfig *config, Precision precision, bool below, Pool *pool, Arena *arena,
                     Error *err);
/* Additions are borrowed; before any placing. */
void transformer_add(Transformer *t, const QkvAdditions *additions);

/* Places what a pass over these rows needs in memory, and returns how many floats that takes: as many as are
 * allowed where they are of use, but never fewer than it cannot do without. With memory NULL it only counts.
 * backward: a backward pass will follow. */
size_t transformer_place(Transformer *t, const BlockRows *rows, bool backward, size_t allowed, float *memory);

/* y (Q, C) from t->x. */
void transformer_forward(Transformer *t, float *y);
/* Adds to gradients, given d_y (Q, C). */
void transformer_backward(Transformer *t, const float *d_y);

/* Operations of products and attention over R rows, Q of which are for the last block, with pairs of rows
 * that look at each other in each block but the last, and there. With backward: of both passes. */
double transformer_flops(const Transformer *t, double R, double Q, double pairs, double last_pairs,
                         bool backward);

#endif
