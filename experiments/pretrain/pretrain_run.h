/* pretrain_run.h: a pretraining from its first step, or from where it was interrupted, to its page. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_RUN_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_RUN_H

#include "experiments/pretrain/pretrain_session.h"

/* Trains in config->output, a folder that is there and that nobody else works in. A signal saves the state
 * and is ERROR_SIGNAL; the same call goes on from there, to the same bits. One that has finished only makes
 * its page anew. Prints the evaluations at the end. */
int pretrain_run(PretrainSession *session, bool quiet, Error *err);

#endif
