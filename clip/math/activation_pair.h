/* activation_pair.h: the activations of ops.h for training, where they are computed for hundreds of millions
 * of numbers a step: vectorised, and the value together with the derivative. Equal to those of ops.h but for
 * rounding. */
#ifndef CLIP_MATH_ACTIVATION_PAIR_H
#define CLIP_MATH_ACTIVATION_PAIR_H

#include "clip/math/ops.h"

/* y = act(x), n elements; y may be x. */
void activation_value(float *y, const float *x, size_t n, Activation activation);
/* y = act(x) and d = d act'(x), n elements. */
void activation_pair(float *y, float *d, const float *x, size_t n, Activation activation);

/* Either on a piece of matrices with `width` columns, for a product's `then`: without d it is
 * activation_value. The context is an ActivationPair. */
typedef struct {
    float *y, *d;
    const float *x;
    int width;
    Activation activation;
} ActivationPair;
void activation_pair_piece(void *context, int row, int rows, int column, int columns);

#endif
