/* output.h: whether standard output has reached its reader. */
#ifndef EXPERIMENTS_TERMINAL_OUTPUT_H
#define EXPERIMENTS_TERMINAL_OUTPUT_H

#include "clip/base/error.h"

/* Flushes stdout and says whether all output arrived: a full disk is ERROR_RUN. A pipe whose reader has gone,
 * as `head` goes when it has enough, is ERROR_SIGNAL: other tools are stopped there by SIGPIPE. */
int output_flush(Error *err);

#endif
