/* method_coop.h: the keys of the method coop. */
#ifndef EXPERIMENTS_METHODS_METHOD_COOP_H
#define EXPERIMENTS_METHODS_METHOD_COOP_H

#include "coop/prompt_learner.h"
#include "experiments/grid/point.h"

typedef struct {
    MethodOptions common;
    IntList n_ctx;                /* M; empty where ctx_init decides it */
    IntList class_token_position; /* of ClassTokenPosition */
    IntList csc;                  /* 0 and 1 */
    TextList ctx_init;            /* as in LearnerConfig */

    /* of one variant: */
    const char *ctx_digest; /* SHA-256 of the file that ctx_init names; NULL: it names none */
    int ignored_n_ctx;      /* what the file says of n_ctx although ctx_init decides it; 0: nothing */
} CoopOptions;

/* The prompts of one point. */
LearnerConfig coop_learner_config(const Point *point);

#endif
