/* stage.h: one experiment of a study on its way through a run: which of its points are still to run, what can
 * be wrong with them, and their images.
 *
 *     stage_open          reads the lists of the dataset and its targets
 *     stage_expand        with a model, makes the grid
 *     stage_find_pending  finds what is pending of it
 *     stage_check         finds whatever is wrong with names, prompts and paths, and writes nothing
 *     stage_prepare       looks at all images that the pending points will ask for, then encodes them
 *     jobs_run            (run/jobs.h) runs them; those that test on a target last
 */
#ifndef EXPERIMENTS_STAGE_STAGE_H
#define EXPERIMENTS_STAGE_STAGE_H

#include "experiments/grid/grid.h"
#include "experiments/results/results.h"
#include "experiments/session/session.h"
#include "experiments/stage/run_options.h"

/* A point that failed for a reason of its own. */
typedef struct Failure {
    const char *title, *reason;
    struct Failure *next;
} Failure;

typedef struct {
    const Experiment *experiment;
    const RunOptions *options;
    int number;                /* of the experiment in its study */
    bool is_alone;             /* the only experiment of its study: titles need not name the dataset */
    Session session, *targets; /* (experiment->n_targets) */
    const char *backbone;      /* LoadedModel.name */
    Grid grid;
    bool *pending; /* (grid.n) */
    int n_pending;
    Failure *failures; /* the last one first */
    int n_failed;
    Arena *arena;
} Stage;

/* The stage keeps the arena. Caller closes, also after a failure. */
int stage_open(Stage *stage, const Experiment *experiment, const RunOptions *options, bool is_alone,
               Arena *arena, Error *err);
void stage_close(Stage *stage);

/* Says what should be known of the lists (session_print_remarks). */
int stage_print_remarks(const Stage *stage, TextMap *said, Error *err);

int stage_expand(Stage *stage, const LoadedModel *model, Error *err);

/* Fills in pending: the points that have no result yet, lack a file that the experiment asks for, or have
 * left one that is missing or damaged now; the last are named on stderr where `tell` says so. */
int stage_find_pending(Stage *stage, bool tell, Error *err);

/* Gives the sessions a model (session_attach), as the next do too. */
int stage_attach(Stage *stage, const LoadedModel *model, Error *err);
int stage_check(Stage *stage, const LoadedModel *model, Error *err);
int stage_prepare(Stage *stage, const LoadedModel *model, Error *err);
/* How many of these images the cache lacks; encodes none. */
int stage_count_images(Stage *stage, const LoadedModel *model, long *n_images, Error *err);

/* Keeps a failure, which n_points have; both texts are copied. */
void stage_fail(Stage *stage, const char *title, const Error *why, int n_points);

/* "CoOp M=16 end, 16 shots, seed 2"; NULL when memory is out. */
const char *stage_point_title(const Stage *stage, const Point *point, Arena *arena);

#endif
