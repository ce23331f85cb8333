/* method_coop.h: the keys of the method coop. */
#ifndef EXPERIMENTS_METHODS_METHOD_COOP_H
#define EXPERIMENTS_METHODS_METHOD_COOP_H

#include "coop/prompt_learner.h"
#include "experiments/grid/point.h"

typedef struct {
    MethodOptions common;
    IntList n_ctx;                /* M */
    IntList class_token_position; /* of ClassTokenPosition */
    IntList csc;                  /* 0 and 1 */
    TextList ctx_init;            /* as in LearnerConfig */

    const char *ctx_digest; /* of one variant: SHA-256 of the file that ctx_init names; NULL: it names none */
} CoopOptions;

/* The prompts of one point. */
LearnerConfig coop_learner_config(const Point *point);

#endif
