/* folded_conv.h: a convolution of a file, whose batch norm is folded in as its weights are read.
 *
 *     w' = scale w    for each output channel, in double, rounded once
 */
#ifndef CLIP_CHECKPOINT_FOLDED_CONV_H
#define CLIP_CHECKPOINT_FOLDED_CONV_H

#include "clip/checkpoint/matrices.h"

#include <stdint.h>

typedef struct {
    MatrixSource source; /* (n_out, n_in kernel kernel) */
    int n_in, n_out, kernel;
    const double *scale; /* (n_out) */
    const float *b;      /* (n_out) */
    float *w, *panels;   /* what folded_conv_put fills in, one of the three: as in ConvWeights */
    uint16_t *halves;
} FoldedConv;

/* Puts rows of the source into w, panels or halves of the FoldedConv: a PutRows. */
void folded_conv_put(void *fold, const MatrixSource *source, const float *rows, int first, int n);

/* Puts the biases into its panels, and zeros beside those of the last one. */
void folded_conv_biases(const FoldedConv *fold);

/* Makes one panel (packed_conv.h) from the file: a MakePanel. */
void folded_conv_panel(const void *fold, float *panel, int index);

#endif
