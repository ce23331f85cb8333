/* kgcoop.h: prompts that stay near hand-written ones (Yao et al. 2023, "Visual-Language Prompt Tuning with
 * Knowledge-guided Context Optimization"; github.com/htyao89/KgCoOp, trainers/kgcoop.py).
 *
 *     loss = cross-entropy + w (1 - mean over the classes of cos(learned feature, hand-written feature))
 *
 * There the lengths in the cosine are at least 1e-7; those of unit vectors are.
 */
#ifndef COOP_PROMPTS_KGCOOP_H
#define COOP_PROMPTS_KGCOOP_H

#include "coop/prompt_learner.h"

typedef struct {
    PromptLearner *learner; /* borrowed */
    const float *texts;     /* (K, E) of hand-written prompts, of unit length; borrowed */
    double weight;          /* w (8) */
    Trainee trainee;
} Kgcoop;

void kgcoop_init(Kgcoop *kgcoop, PromptLearner *learner, const float *texts, double weight);

/* As learner_loss, with the term above. */
double kgcoop_loss(Kgcoop *kgcoop, const float *images, const int *labels, int B, float *logits, float *d_ctx,
                   int *n_correct);

/* Its parameters are the contexts; borrowed from kgcoop. */
const Trainee *kgcoop_trainee(Kgcoop *kgcoop);

/* The loss above at a classifier's present features; with `gradient` d_features is overwritten. */
double guided_loss(CosineClassifier *classifier, const float *texts, double weight, const float *images,
                   const int *labels, int B, float *logits, bool gradient, int *n_correct);

#endif
