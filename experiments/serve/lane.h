/* lane.h: jobs that wait in line for threads of their own: a bounded queue.
 */
#ifndef EXPERIMENTS_SERVE_LANE_H
#define EXPERIMENTS_SERVE_LANE_H

#include "clip/base/error.h"

#include <stdbool.h>

typedef struct Lane Lane;

/* work is called on one of n_threads threads for each job, in the order in which they came; at most so many
 * wait. */
Lane *lane_open(int n_threads, int most_waiting, void (*work)(void *context, void *job), void *context,
                Error *err);
/* Any thread. False when too many wait. */
bool lane_offer(Lane *lane, void *job);
/* Jobs that still wait are left; those begun are waited for. NULL is fine. */
void lane_close(Lane *lane);

#endif
