/* share_points.h: the points of a round, shared with other ranks, while rank 0 runs some itself. */
#ifndef EXPERIMENTS_CREW_SHARE_POINTS_H
#define EXPERIMENTS_CREW_SHARE_POINTS_H

#include "experiments/ranks/ranks.h"
#include "experiments/stage/point_run.h"
#include "experiments/stage/round.h"

typedef struct {
    RankGroup *ranks;
    Round *round;
    Job *job; /* whose sessions have what the others want; for this alone */
} SharedPoints;

/* Returns when no point of the round is left and the others have sent back what they had. */
void share_points(SharedPoints *shared);

#endif
