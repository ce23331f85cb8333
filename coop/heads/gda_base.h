/* gda_base.h: Gaussian discriminant analysis (gda.h) as its authors have it where some classes have no images
 * (main_base2new.py of their repository): another covariance for the base classes, and for the new ones what
 * the images of the base classes say about their texts.
 *
 *     base   P = pinv(mean over classes of their covariances)     not shrunk
 *     new    N_w = the 64 base images nearest to the text w of the class (all, of fewer)
 *            mu_w = mean of N_w and of 16 times w
 *            S_w = sum over N_w: (f - w)(f - w)^T
 *            P = mean over classes w of E (S_w + tr(S_w) / (|N_w| - 1) I)^-1
 *
 * a, b and logits are those of gda.h; alpha is the one that was found for the base classes.
 */
#ifndef COOP_HEADS_GDA_BASE_H
#define COOP_HEADS_GDA_BASE_H

#include "clip/base/error.h"
#include "coop/heads/linear_classifier.h"

/* Fills weights a (K, E) and bias b (K) from n images (n, E) of unit length. A pseudo-inverse leaves out what
 * is below E float epsilons of the largest eigenvalue. A class with fewer than two images has no covariance:
 * -1, as when memory is out. */
int gda_base_fit(LinearClassifier *classifier, const float *images, const int *labels, int n, Error *err);

/* Likewise for K new classes with these texts (K, E), of unit length, from n images of others, two at least.
 */
int gda_new_fit(LinearClassifier *classifier, const float *images, int n, const float *text, Pool *pool,
                Error *err);

#endif
