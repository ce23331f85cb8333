/* pretrain_step.h: one step of a pretraining: its pairs, its gradient, its change of the parameters. */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_STEP_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_STEP_H

#include "experiments/pretrain/broken_pairs.h"
#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/pretrain/pretrain_session.h"
#include "experiments/pretrain/pretrain_state.h"

typedef struct {
    const PretrainSession *session;
    ContrastiveTrainer *trainer;
    ParameterOptimizer optimizer;
    PairLoader *loader;
    BrokenPairs *broken;
    LoadedBatch *loaded; /* (accum_freq) */
    PairBatch *batches;  /* (accum_freq) */
    float *statistics;   /* running ones before the step */
    Arena *arena;        /* owned; of the above, and of the tokens of a step */
} PretrainStepper;

/* Caller closes, also after a failure. */
int stepper_open(PretrainStepper *stepper, const PretrainSession *session, BrokenPairs *broken, Error *err);
void stepper_close(PretrainStepper *stepper); /* zeroed is fine */

/* Takes the next step of the epoch, at learning rate lr. Moves state's step, position and counts, and fills
 * loss and logit_scale; *ended, and nothing is changed, when the epoch has no further pairs for a step. After
 * an error (ERROR_SIGNAL: a signal came meanwhile) all is as before the step. */
int stepper_step(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr, bool *ended,
                 Error *err);

#endif
