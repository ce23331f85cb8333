/* pretrain_page.h: what a pretraining leaves for people: report.html and the table of its evaluations. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_PAGE_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_PAGE_H

#include "experiments/pretrain/pretrain_session.h"
#include "experiments/pretrain/pretrain_state.h"

/* Writes OUTPUT/report.html from the lines of metrics.jsonl that are good, and says where it is unless quiet.
 * Of a finished training the table is printed to stdout, and where the checkpoint is. */
int pretrain_page_write(const PretrainSession *session, const PretrainState *state, bool quiet, Error *err);

#endif
