/* softmax_loss.h: the mean cross-entropy of a batch, with its gradient in the place of the logits. */
#ifndef COOP_HEADS_SOFTMAX_LOSS_H
#define COOP_HEADS_SOFTMAX_LOSS_H

#include "clip/base/parallel.h"

/* Logits are scale times the cosines (B, K), which become d_loss / d_cosines = scale (softmax - one-hot) / B
 * in place. Returns the mean cross-entropy; *n_correct (may be NULL) counts the rows whose label has the
 * largest logit. The same bits for any number of threads. */
double softmax_loss(Pool *pool, float *cosines, const int *labels, int B, int K, float scale, int *n_correct);

/* Rows of logits (n, K) whose label has the largest one, the first among equals. */
int count_correct(const float *logits, const int *labels, int n, int K);

#endif
