/* library_call.h: coop.h as the commands call it: stopped by a signal, and failing as everything else here
 * does. */
#ifndef EXPERIMENTS_LABELS_LIBRARY_CALL_H
#define EXPERIMENTS_LABELS_LIBRARY_CALL_H

#include "coop/library/handles.h"

/* options.stop: whether a signal has come. */
int library_stop(void *context);
/* *err as the library says it. Returns -1. */
int library_fail(Error *err, const coop_error *error);

/* For what the commands say and show beside the labels: borrowed. */
LoadedModel *library_model(const coop_classifier *classifier);
const ClassifierInfo *library_info(const coop_classifier *classifier);

#endif
