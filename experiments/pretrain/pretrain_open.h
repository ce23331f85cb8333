/* pretrain_open.h: opens what a pretraining is made of. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_OPEN_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_OPEN_H

#include "experiments/pretrain/pretrain_session.h"

/* Opens everything that the config names, and checks that it goes together. Nothing is written. Caller
 * closes, also after a failure. */
int pretrain_open(PretrainSession *session, const PretrainConfig *config, int n_threads, RankGroup *ranks,
                  Error *err);
void pretrain_close(PretrainSession *session);

/* The transform of a test image, and the bytes of activations that may be kept. */
Transform pretrain_transform(const PretrainSession *session);
size_t pretrain_memory_budget(const PretrainSession *session);

#endif
