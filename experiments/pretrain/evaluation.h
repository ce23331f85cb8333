/* evaluation.h: how good a model is by now: on data.val, as OpenCLIP's evaluate has it, and zero-shot. */
#ifndef EXPERIMENTS_PRETRAIN_EVALUATION_H
#define EXPERIMENTS_PRETRAIN_EVALUATION_H

#include "experiments/pretrain/broken_pairs.h"
#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/pretrain/pretrain_session.h"

/* Adds val_loss (the mean over batches of batch_size, weighted by their pairs) and the ranks, of pairs as
 * they are without augmentation. A broken pair is left out. ERROR_SIGNAL when a signal came. */
int evaluate_pairs(Evaluation *evaluation, const PretrainSession *session, ContrastiveTrainer *trainer,
                   BrokenPairs *broken, Error *err);

/* Adds the share of test images whose class is the most likely one, or among the five: each class by the
 * average of its prompts (coop/zeroshot.h). */
int evaluate_zeroshot(Evaluation *evaluation, const PretrainSession *session, ContrastiveTrainer *trainer,
                      BrokenPairs *broken, Error *err);

#endif
