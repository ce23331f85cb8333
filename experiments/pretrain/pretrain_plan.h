/* pretrain_plan.h: what a pretraining would take, for a dry run. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_PLAN_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_PLAN_H

#include "experiments/pretrain/pretrain_session.h"

#include <stdio.h>

/* Sizes, steps, operations, memory, and the time at `rate` operations per second. Captions are counted in the
 * first batch of the training pairs, in the order of the source. sent: bytes of a step, of all ranks; 0:
 * none. */
int pretrain_plan_print(FILE *out, const PretrainSession *session, double rate, double sent, Error *err);

#endif
