/* gda.h: Gaussian discriminant analysis beside CLIP's classifier, in closed form (Wang et al. 2024, "A
 * Hard-to-Beat Baseline for Training-free CLIP-based Adaptation", ICLR 2024; main_few_shots.py of their
 * repository).
 *
 *     S = sum over images i: (f_i - mu_c)(f_i - mu_c)^T, mu_c the mean of the image's class
 *     P = E (S + tr(S) / (N - 1) I)^-1                      a shrunk inverse of the covariance
 *     a_c = P mu_c;  b_c = -log K - mu_c . P mu_c / 2
 *     logits = exp(logit_scale) f . t_c + alpha (f . a_c + b_c)
 *
 * alpha is the first of the best of 1e-4 ... 1e2 on validation images.
 */
#ifndef COOP_HEADS_GDA_H
#define COOP_HEADS_GDA_H

#include "clip/base/error.h"
#include "coop/heads/linear_classifier.h"

/* Fills weights a (K, E) and bias b (K) of a classifier from n images (n, E) of unit length. Where the images
 * of each class are alike, a is zero. A class without images has no mean: -1, as when memory is out. */
int gda_fit(LinearClassifier *classifier, const float *images, const int *labels, int n, Pool *pool,
            Error *err);

/* The best alpha on n images; `fallback` where there are none, or no alpha labels any of them right. */
int gda_search(double *alpha, const LinearClassifier *gda, const float *text, float logit_scale,
               const float *images, const int *labels, int n, double fallback, Pool *pool, Error *err);

/* Turns a and b into the whole classifier; text (K, E) of unit length. */
void gda_join(LinearClassifier *gda, const float *text, float logit_scale, double alpha);

#endif
