/* pretrain_step.h: one step of a pretraining: its pairs, its gradient, its change of the parameters.
 *
 * With optim.parts above 1 several ranks may share a step (shared_step.h): then each has a stepper, those of
 * the others do what that of rank 0 is asked for (followers.h).
 */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_STEP_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_STEP_H

#include "experiments/pretrain/broken_pairs.h"
#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/pretrain/pretrain_session.h"
#include "experiments/pretrain/pretrain_state.h"
#include "experiments/pretrain/shared_step.h"

typedef struct {
    const PretrainSession *session;
    ContrastiveTrainer *trainer;
    ParameterOptimizer optimizer;
    BrokenPairs *broken;
    int n_own, per_part;  /* parts of this rank; batches of a part */
    PairLoader **loaders; /* (n_own) */
    LoadedBatch *loaded;  /* (n_own per_part) */
    PairBatch *batches;   /* (n_own per_part) */
    float *statistics;    /* running ones before the step */
    SharedStep shared;    /* of several parts */
    size_t sent;          /* bytes, in steps that were taken */
    Arena *arena;         /* owned; of the above, and of the tokens of a step */
} PretrainStepper;

/* Caller closes, also after a failure. */
int stepper_open(PretrainStepper *stepper, const PretrainSession *session, BrokenPairs *broken, Error *err);
void stepper_close(PretrainStepper *stepper); /* zeroed is fine */

/* Goes to the state's positions in its epoch. */
int stepper_begin(PretrainStepper *stepper, const PretrainState *state, Error *err);

/* Takes the next step of the epoch, at learning rate lr. Moves state's step, positions and counts, and fills
 * loss and logit_scale; *ended, and nothing is changed, when the epoch has no further pairs for a step. After
 * an error (ERROR_SIGNAL: a signal came meanwhile) all is as before the step. */
int stepper_step(PretrainStepper *stepper, PretrainState *state, StepMetrics *metrics, double lr, bool *ended,
                 Error *err);

/* Bytes that all ranks together send in a step; 0 of one rank. */
double stepper_bytes(const PretrainStepper *stepper);

#endif
