/* schedule.h: the learning rate of each step, as OpenCLIP's scheduler.py has it. */
#ifndef EXPERIMENTS_PRETRAIN_SCHEDULE_H
#define EXPERIMENTS_PRETRAIN_SCHEDULE_H

#include "experiments/pretrain/pretrain_config.h"

/* Of step `step` (from 0) of epochs * steps_per_epoch. */
double schedule_rate(const PretrainOptim *optim, long step, long steps_per_epoch);

#endif
