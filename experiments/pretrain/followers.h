/* followers.h: the ranks that take part in the steps of rank 0.
 *
 * Rank 0 trains as a process alone would, and its stepper tells the others what is to be done: they have the
 * same model and the same lists of pairs, and a stepper each. They write nothing.
 */
#ifndef EXPERIMENTS_PRETRAIN_FOLLOWERS_H
#define EXPERIMENTS_PRETRAIN_FOLLOWERS_H

#include "experiments/pretrain/pretrain_step.h"

/* --- rank 0; alone, these do nothing --- */

/* When model and optimiser are those to begin with: gives them to all. Ends the run when another rank finds
 * something else to train on. */
void followers_start(PretrainStepper *stepper);
/* What the optimiser remembers comes to rank 0, and *sent is what all ranks have sent in steps so far. */
void followers_collect(PretrainStepper *stepper, double *sent);

/* --- the others --- */

/* Does what rank 0 asks for until it lets go. What has failed before, or fails here, ends all ranks, unless
 * rank 0 has ended by itself. */
void follow(PretrainStepper *stepper, const PretrainSession *session, int status, Error *err);

#endif
