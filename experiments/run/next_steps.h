/* next_steps.h: what a run says last: where the report is, and how to label images with what was learned. */
#ifndef EXPERIMENTS_RUN_NEXT_STEPS_H
#define EXPERIMENTS_RUN_NEXT_STEPS_H

#include "experiments/stage/stage.h"

/* On stderr. page is the path of the report, or NULL. The classifier it names is the best on validation
 * images (best_classifier.h), of the first dataset. */
void next_steps_print(const Stage *stages, int n_stages, const ResultList *results, const char *page,
                      Arena *arena);

#endif
