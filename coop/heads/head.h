/* head.h: a linear head on image features that starts at the text features t_c of the classes.
 *
 *     w_c = x_c, trained from x = t                 text-initialised probe, CLAP, cross-modal
 *     w_c = t_c + alpha x_c, trained from x = 0     a residual: TaskRes
 *
 *     logits = scale f . w_c / |w_c|, or as_it_is scale f . w_c
 *     loss = cross-entropy + mean_c lambda_c |w_c - t_c|^2
 *
 * Sources: Yu et al. 2023, "Task Residual for Tuning Vision-Language Models" (trainers/taskres.py of
 * TaskRes); Silva-Rodriguez et al. 2024, "A Closer Look at the Few-Shot Adaptation of Large Vision-Language
 * Models" (trainers/adapters.py of CLAP).
 */
#ifndef COOP_HEADS_HEAD_H
#define COOP_HEADS_HEAD_H

#include "coop/heads/linear_classifier.h"
#include "coop/trainer.h"

#include <stdint.h>

typedef struct {
    int n_classes, embed_dim; /* K, E */
    const float *text;        /* (K, E): t, of any length */
    float logit_scale;        /* a logarithm */
    double alpha;             /* of a residual; 0: the head itself is trained */
    bool as_it_is;            /* w does not become of unit length */
    const float *lambda;      /* (K); NULL: no constraint */
    uint32_t seed;            /* of the order of the images, as torch.manual_seed */
} HeadConfig;

typedef struct Head Head;

/* Texts, lambda and the pool are borrowed. Owned by the arena; NULL when there is no memory. */
Head *head_create(const HeadConfig *config, Pool *pool, Arena *arena);

/* What the training loop sees: x (K, E), called "head" or "residual". Owned by the head. */
const Trainee *head_trainee(Head *head);

/* Fills the weights (K, E) and the scale of a classifier for f of unit length. */
void head_classifier(Head *head, LinearClassifier *classifier);

/* lambda (K) of CLAP: how sure zero-shot CLIP is of a class, the mean over its own images (n, E; unit length)
 * of softmax(exp(logit_scale) cos(f, t))_c. A class without images gets the mean of the others (there it is
 * not a number, and so is the loss). -1 when memory is out. */
int head_zero_shot_lambda(float *lambda, const HeadConfig *config, const float *images, const int *labels,
                          int n, Pool *pool, Error *err);

#endif
