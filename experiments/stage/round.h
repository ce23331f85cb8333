/* round.h: the points of a stage that are run now: who asks is given the next one, and says what came of it.
 *
 * Points that test on a target what others have learned come in a second round. Whoever runs points side by
 * side (jobs.h) asks from threads of their own.
 */
#ifndef EXPERIMENTS_STAGE_ROUND_H
#define EXPERIMENTS_STAGE_ROUND_H

#include "experiments/stage/stage.h"

typedef struct {
    Stage *stage;
    bool longest_first;
    bool several;    /* points run side by side: lines tell of the finished ones, a bar how many they are */
    const int *todo; /* (n_todo) the points of this round */
    int n_todo, n_given; /* those before have been given out */
    bool *failed;        /* (grid.n) */
    Progress overall;
    int n_done;                       /* in both rounds */
    Error signal;                     /* the first ERROR_SIGNAL */
    pthread_mutex_t lock, cache_lock; /* of what is above; of the caches of encoded images */
} Round;

int round_open(Round *round, Stage *stage, bool several, Error *err);
void round_close(Round *round);

/* Turns to the pending points of the first or the second round, in the order of the grid, or the longest
 * first, so that none is left over when all others are done. A point whose learning has failed is left out.
 */
int round_begin(Round *round, bool second, Error *err);

/* NULL when none is left, or a signal came. */
const Point *round_next(Round *round);

/* "[ 3/47] CoOp M=16 end, 1 shot, seed 1" of the point that is finished next; NULL when memory is out. */
const char *round_title(Round *round, const Point *point, Arena *arena);

/* What has come of a point: a result, or why there is none. A failure is kept in the stage's failures and
 * does not stop the others; a signal is kept for round_end. */
void round_tell(Round *round, const Point *point, const Result *result, const Error *why, Arena *arena);

/* When all have returned: ERROR_SIGNAL if a signal came. */
int round_end(Round *round, Error *err);

#endif
