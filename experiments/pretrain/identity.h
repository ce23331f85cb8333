/* identity.h: what the numbers of a pretraining depend on. */
#ifndef EXPERIMENTS_PRETRAIN_IDENTITY_H
#define EXPERIMENTS_PRETRAIN_IDENTITY_H

#include "experiments/pretrain/pretrain_session.h"

/* A line "key: value" each: keys of the file with their values, and what files hold as digests. Owned by the
 * session's arena; NULL with an error. */
const char *pretrain_identity(const PretrainSession *session, Error *err);

#endif
