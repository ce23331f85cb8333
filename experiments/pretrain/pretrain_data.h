/* pretrain_data.h: opens what data.train, data.val and data.zeroshot name. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_DATA_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_DATA_H

#include "experiments/pretrain/pretrain_session.h"

/* Fills train, val and zeroshot, and adds what should be known of them to the remarks. */
int pretrain_open_data(PretrainSession *session, Error *err);
void pretrain_close_data(PretrainSession *session);

/* Adds a line to the remarks; when memory is out the arena has failed. */
void pretrain_remark(PretrainSession *session, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
