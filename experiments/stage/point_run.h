/* point_run.h: running one point of a stage. Who runs it, and where its files go, is the caller's affair:
 * run/jobs.h in this process, crew/rank_work.h in another. */
#ifndef EXPERIMENTS_STAGE_POINT_RUN_H
#define EXPERIMENTS_STAGE_POINT_RUN_H

#include "experiments/stage/stage.h"

/* What a job runs points with: the sessions of the stage as it sees them. */
typedef struct {
    Session session, *targets;
    Experiment experiment; /* which knows that it shares the memory */
} Job;

/* Where a point finds what is there, and leaves its files. Both folders exist. */
typedef struct {
    const char *folder;
    const char *learned; /* of the point whose learning is tested; else NULL */
} PointFolders;

/* Copies the stage's sessions. Such a job uses the stage's threads, and may run alone only. */
int job_create(Job *job, const Stage *stage, Error *err);
void job_share_memory(Job *job, int n_sharing);
/* Gives a job threads of its own (n) and its share of the memory, which n_sharing have; cache_lock is that of
 * all who share the stage's caches. */
int job_detach(Job *job, const Stage *stage, int n_threads, int n_sharing, pthread_mutex_t *cache_lock,
               Error *err);
void job_close(Job *job, const Stage *stage); /* a zeroed job is fine */

/* Runs a point and fills in its result, whose texts belong to the point, the sessions and the arena. */
int point_run(Job *job, const Point *point, const PointFolders *folders, Result *result, Progress *progress,
              Arena *arena, Error *err);

#endif
