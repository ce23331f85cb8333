/* pretrain_page.h: what a pretraining leaves for people: report.html and the table of its evaluations. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_PAGE_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_PAGE_H

#include "experiments/pretrain/pretrain_session.h"
#include "experiments/pretrain/pretrain_state.h"

/* Writes OUTPUT/report.html, prints the table to stdout and, unless quiet, where all is to stderr. */
int pretrain_page_write(const PretrainSession *session, const PretrainState *state, bool quiet, Error *err);

#endif
