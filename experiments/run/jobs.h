/* jobs.h: running the pending points of a stage, several side by side.
 *
 * Each job has threads of its own and sees the stage's sessions through copies that use these. What a point
 * computes depends on neither, so side by side it gives the same bits. One job alone shows how far its point
 * has come; several show how many points are done. Other ranks (ranks.h) run points too. Points that test on
 * a target what others have learned come in a second round.
 */
#ifndef EXPERIMENTS_RUN_JOBS_H
#define EXPERIMENTS_RUN_JOBS_H

#include "experiments/stage/stage.h"

/* Runs what is pending. A failure of a point is kept in the stage's failures and does not stop the others.
 * ERROR_SIGNAL when a signal came. */
int jobs_run(Stage *stage, Error *err);

#endif
