/* contrastive.h: the symmetric contrastive loss of image-text pairs (Radford et al. 2021, figure 3).
 *
 *     u, v = unit rows of image, text;  logits = e^s u v^T (n, n)
 *     loss = (mean cross-entropy of the rows + that of the columns) / 2, the pairs on the diagonal
 */
#ifndef CLIP_TRAIN_CONTRASTIVE_H
#define CLIP_TRAIN_CONTRASTIVE_H

#include "clip/base/error.h"
#include "clip/base/parallel.h"

/* image, text (n, E), not of unit length; s is logit_scale, a logarithm. Fills the loss, the gradients
 * d_image and d_text (n, E), and d_s; any of the three may be NULL. Bits do not depend on threads. Fails only
 * when out of memory. */
int contrastive_loss(double *loss, float *d_image, float *d_text, double *d_s, const float *image,
                     const float *text, float s, int n, int E, Pool *pool, Error *err);

#endif
