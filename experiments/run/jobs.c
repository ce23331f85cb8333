/* jobs.c: see jobs.h */
#include "experiments/run/jobs.h"

#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/methods/method.h"
#include "experiments/results/logits.h"
#include "experiments/results/predictions.h"
#include "experiments/results/result_files.h"
#include "experiments/results/scores.h"
#include "experiments/terminal/clock.h"
#include "experiments/terminal/interrupt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one job works with. */
typedef struct {
    Session session, *targets;
    Experiment experiment; /* which knows that it shares the memory */
} Job;

typedef struct {
    Stage *stage;
    Job *jobs; /* (n_jobs) */
    int n_jobs;
    const int *todo; /* the points of this round */
    bool *failed;    /* (grid.n) */
    Progress overall;
    int n_done;                       /* in both rounds */
    Error signal;                     /* the first ERROR_SIGNAL */
    pthread_mutex_t lock, cache_lock; /* of what jobs share and print; of the cache of encoded images */
} Round;

/* --- one point --- */

static int keep_result(const Stage *stage, const Session *tested, const Point *point, const char *folder,
                       const float *logits, Result *result, double start, Arena *arena, Error *err) {
    const Dataset *dataset = &tested->dataset;
    Scores scores;
    if (scores_compute(&scores, logits, tested->test_labels, dataset->test.n, dataset->n_classes, arena,
                       err) < 0)
        return -1;
    const char *logits_path = path_join(arena, folder, LOGITS_FILE);
    const char *predictions_path = path_join(arena, folder, PREDICTIONS_FILE);
    if (!logits_path || !predictions_path)
        return error_memory(err);
    if (!point->logits) /* those of an earlier configuration must not pass for this one's */
        unlink(logits_path);
    else if (logits_write(logits_path, logits, dataset, arena, err) < 0)
        return -1;
    result->accuracy = scores.accuracy;
    result->macro_f1 = scores.macro_f1;
    if (predictions_write(predictions_path, logits, scores.predicted, dataset, arena, err) < 0 ||
        result_files_note(result, folder, arena, err) < 0)
        return -1;
    result->per_class = scores.per_class;
    result->n_classes = dataset->n_classes;
    result->n_test = dataset->test.n;
    result->split_train = dataset->train.n;
    result->split_val = dataset->val.n;
    result->program = "coop " COOP_VERSION;
    result->total_seconds = clock_seconds() - start;
    result->backbone = tested->model.name;
    result->activation = tested->model.clip->activation;
    result->model_digest = clip_digest(tested->model.clip);
    result->vocab_digest = tokenizer_digest(tested->model.tokenizer);
    result->split_digest = tested->split_digest;
    return result_append(stage->experiment->output, result, err);
}

static int run_point(const Stage *stage, Job *job, const Point *point, Result *result, Progress *progress,
                     Arena *arena, Error *err) {
    Session *tested = point->target < 0 ? &job->session : &job->targets[point->target];
    const Dataset *dataset = &tested->dataset;
    double start = clock_seconds();
    const char *output = stage->experiment->output, *folder = path_join(arena, output, point->folder);
    float *logits = arena_floats(arena, (size_t)dataset->test.n, (size_t)dataset->n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    result_start(result, point, tested->name, arena);
    const Method *method = method_of(point);
    int status;
    if (point->learned) {
        const char *from = path_join(arena, output, point->learned->folder);
        result->source = job->session.name;
        status = from ? method->transfer(&job->session, point->learned, from, tested, logits, arena, err)
                      : error_memory(err);
    } else {
        status = method->run(tested, point, folder, logits, result, progress, arena, err);
    }
    return status < 0 ? -1 : keep_result(stage, tested, point, folder, logits, result, start, arena, err);
}

/* --- what is said of it --- */

/* "[ 3/47] CoOp M=16 end, 1 shot, seed 1"; NULL when memory is out. */
static const char *numbered(const Round *round, int number, const char *title, Arena *arena) {
    int n_digits = snprintf(NULL, 0, "%d", round->stage->n_pending);
    return title ? arena_printf(arena, "[%*d/%d] %s", n_digits, number, round->stage->n_pending, title)
                 : NULL;
}

/* Which point is the next to be finished. */
static int next_number(Round *round) {
    pthread_mutex_lock(&round->lock);
    int number = round->n_done + 1;
    pthread_mutex_unlock(&round->lock);
    return number;
}

/* Under the lock. */
static void tell(Round *round, const Point *point, const Result *result, const Error *why, Arena *arena) {
    Stage *stage = round->stage;
    const char *own = stage_point_title(stage, point, arena);
    const char *title = numbered(round, ++round->n_done, own, arena);
    own = own ? own : point->label;
    title = title ? title : own;
    if (why) {
        round->failed[point - stage->grid.points] = true;
        stage_fail(stage, own, why, 1);
        progress_print(&round->overall, "%s: failed: %s", title, why->text);
    } else if (!stage->options->quiet) {
        progress_print(&round->overall, "%-58s %6.2f %%  %6.1f s", title, result->accuracy,
                       result->total_seconds);
    }
    progress_update(&round->overall, round->n_done);
}

/* --- rounds --- */

static void run_tile(void *context, int tile, int worker) {
    Round *round = context;
    const Stage *stage = round->stage;
    const Point *point = &stage->grid.points[round->todo[tile]];
    if (interrupt_signal())
        return;
    Error err = {0};
    Result result;
    Progress progress = {0};
    Arena *arena = arena_create();
    int status = -1;
    if (arena) {
        /* Without a terminal the line of the finished point is enough. */
        const char *title =
            numbered(round, next_number(round), stage_point_title(stage, point, arena), arena);
        progress_start(&progress, stderr,
                       stage->options->quiet || round->n_jobs > 1 || !isatty(STDERR_FILENO),
                       title ? title : point->label, 0);
        status = run_point(stage, &round->jobs[worker], point, &result, &progress, arena, &err);
        progress_erase(&progress);
    } else {
        error_memory(&err);
    }
    pthread_mutex_lock(&round->lock);
    if (status < 0 && err.kind == ERROR_SIGNAL)
        round->signal = err;
    else
        tell(round, point, &result, status < 0 ? &err : NULL, arena);
    pthread_mutex_unlock(&round->lock);
    arena_free(arena);
}

/* The pending points of a round, in order; NULL when memory is out. A point whose learning has failed is left
 * out. */
static int *list_points(const Round *round, bool second, int *n) {
    const Stage *stage = round->stage;
    int *todo = ARENA_NEW(stage->arena, int, stage->grid.n);
    *n = 0;
    for (int i = 0; todo && i < stage->grid.n; i++) {
        const Point *learned = stage->grid.points[i].learned;
        bool hopeless = learned && round->failed[learned - stage->grid.points];
        if (stage->pending[i] && (learned != NULL) == second && !hopeless)
            todo[(*n)++] = i;
    }
    return todo;
}

static int run_round(Round *round, Pool *workers, bool second, Error *err) {
    int n;
    round->todo = list_points(round, second, &n);
    if (!round->todo)
        return error_memory(err);
    if (workers)
        pool_run(workers, n, run_tile, round);
    for (int i = 0; !workers && i < n; i++)
        run_tile(round, i, 0);
    if (round->signal.kind == ERROR_SIGNAL) {
        *err = round->signal;
        return -1;
    }
    return interrupt_check(err);
}

/* --- jobs --- */

/* A job alone uses the stage's threads, several share their number. */
static int open_job(Job *job, const Stage *stage, Round *round, Error *err) {
    const int n_targets = stage->experiment->n_targets;
    job->experiment = *stage->experiment;
    job->session = stage->session;
    job->targets = ARENA_NEW(stage->arena, Session, n_targets);
    if (!job->targets)
        return error_memory(err);
    for (int t = 0; t < n_targets; t++)
        job->targets[t] = stage->targets[t];
    if (round->n_jobs == 1)
        return 0;
    int n_threads = pool_threads(stage->session.model.pool) / round->n_jobs;
    Pool *pool = pool_create(n_threads > 0 ? n_threads : 1);
    if (!pool)
        return error_run(err, "cannot start the threads of %d jobs: out of memory, or too many of them",
                         round->n_jobs);
    pool_set_stop(pool, interrupt_stop, NULL);
    job->experiment.n_sharing = round->n_jobs;
    for (int t = -1; t < n_targets; t++) {
        Session *session = t < 0 ? &job->session : &job->targets[t];
        session->model.pool = pool;
        session->cache_lock = &round->cache_lock;
        session->quiet = true;
    }
    job->session.experiment = &job->experiment;
    return 0;
}

static void close_jobs(Round *round) {
    for (int i = 0; round->jobs && round->n_jobs > 1 && i < round->n_jobs; i++)
        if (round->jobs[i].session.model.pool != round->stage->session.model.pool)
            pool_free(round->jobs[i].session.model.pool);
}

int jobs_run(Stage *stage, Error *err) {
    int n_jobs = stage->options->n_jobs < stage->n_pending ? stage->options->n_jobs : stage->n_pending;
    Round round = {.stage = stage, .n_jobs = n_jobs > 1 ? n_jobs : 1};
    round.jobs = ARENA_NEW(stage->arena, Job, round.n_jobs);
    round.failed = ARENA_NEW(stage->arena, bool, stage->grid.n);
    Pool *workers = NULL;
    int status = round.jobs && round.failed ? 0 : error_memory(err);
    pthread_mutex_init(&round.lock, NULL);
    pthread_mutex_init(&round.cache_lock, NULL);
    for (int i = 0; i < round.n_jobs && status == 0; i++)
        status = open_job(&round.jobs[i], stage, &round, err);
    if (status == 0 && round.n_jobs > 1) {
        /* What the first training would add to the shared model is added before there are several. (Its
         * digest is there already: the keys of the points have it.) */
        status = clip_prepare_training(stage->session.model.clip, err);
    }
    if (status == 0 && round.n_jobs > 1) {
        workers = pool_create(round.n_jobs);
        status = workers ? 0
                         : error_run(err, "cannot start %d jobs: out of memory, or too many threads",
                                     round.n_jobs);
        progress_start(&round.overall, stderr, stage->options->quiet || !isatty(STDERR_FILENO),
                       "running points", stage->n_pending);
    }
    if (status == 0 && round.n_jobs == 1) /* prints lines, draws nothing */
        round.overall = (Progress){.out = stderr};
    for (int second = 0; second < 2 && status == 0; second++)
        status = run_round(&round, workers, second, err);
    progress_erase(&round.overall);
    pool_free(workers);
    close_jobs(&round);
    pthread_mutex_destroy(&round.cache_lock);
    pthread_mutex_destroy(&round.lock);
    return status;
}
