/* keep_split.h: parts that were drawn at random, kept as a file. */
#ifndef EXPERIMENTS_SESSION_KEEP_SPLIT_H
#define EXPERIMENTS_SESSION_KEEP_SPLIT_H

#include "experiments/session/session.h"

/* Writes OUTPUT/split_zhou_NAME.json if the parts of the dataset were drawn, and says how to use them again.
 * A file of other parts is not lost: it goes to OUTPUT/earlier_splits, which is said. */
int keep_split(const Session *session, Error *err);

#endif
