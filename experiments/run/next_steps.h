/* next_steps.h: what a run says last: where the page is, and how to label images with what was learned. */
#ifndef EXPERIMENTS_RUN_NEXT_STEPS_H
#define EXPERIMENTS_RUN_NEXT_STEPS_H

#include "experiments/run/stage.h"

/* On stderr. page is the path of the report, or NULL. The prompt named is the first of those that saw most
 * images per class: a choice by test accuracy would flatter it. */
void next_steps_print(const Stage *stages, int n_stages, const char *page, Arena *arena);

#endif
