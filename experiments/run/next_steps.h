/* next_steps.h: what a run says last: where the report is, and how to label images with what was learned. */
#ifndef EXPERIMENTS_RUN_NEXT_STEPS_H
#define EXPERIMENTS_RUN_NEXT_STEPS_H

#include "experiments/run/stage.h"

/* On stderr. page is the path of the report, or NULL. The prompt it names is the first of those
 * learned from the most images per class; the best on the test images would look better than it is. */
void next_steps_print(const Stage *stages, int n_stages, const char *page, Arena *arena);

#endif
