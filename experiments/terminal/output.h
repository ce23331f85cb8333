/* output.h: whether standard output has reached its reader. */
#ifndef EXPERIMENTS_TERMINAL_OUTPUT_H
#define EXPERIMENTS_TERMINAL_OUTPUT_H

#include "clip/base/error.h"

/* Flushes stdout and says whether all output arrived: a full disk or a closed pipe is ERROR_RUN. */
int output_flush(Error *err);

#endif
