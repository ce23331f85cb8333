/* point_run.c: see point_run.h */
#include "experiments/stage/point_run.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "coop/coop.h"
#include "experiments/methods/method.h"
#include "experiments/results/logits.h"
#include "experiments/results/predictions.h"
#include "experiments/results/result_files.h"
#include "experiments/results/scores.h"
#include "experiments/terminal/interrupt.h"

#include <unistd.h>

/* --- jobs --- */

int job_create(Job *job, const Stage *stage, Error *err) {
    const int n_targets = stage->experiment->n_targets;
    job->experiment = *stage->experiment;
    job->session = stage->session;
    job->targets = ARENA_NEW(stage->arena, Session, n_targets);
    if (!job->targets)
        return error_memory(err);
    for (int t = 0; t < n_targets; t++)
        job->targets[t] = stage->targets[t];
    return 0;
}

void job_share_memory(Job *job, int n_sharing) {
    job->experiment.n_sharing = n_sharing;
    job->session.experiment = &job->experiment;
}

int job_detach(Job *job, const Stage *stage, int n_threads, int n_sharing, pthread_mutex_t *cache_lock,
               Error *err) {
    Pool *pool = pool_create(n_threads > 0 ? n_threads : 1);
    if (!pool)
        return error_run(err, "cannot start the threads of a job: out of memory, or too many of them");
    pool_set_stop(pool, interrupt_stop, NULL);
    job_share_memory(job, n_sharing);
    for (int t = -1; t < stage->experiment->n_targets; t++) {
        Session *session = t < 0 ? &job->session : &job->targets[t];
        session->model.pool = pool;
        session->cache_lock = cache_lock;
        session->help = NULL; /* what it needs is there; else it does it alone */
        session->quiet = true;
    }
    return 0;
}

void job_close(Job *job, const Stage *stage) {
    if (job->session.model.pool != stage->session.model.pool)
        pool_free(job->session.model.pool);
}

/* --- a point --- */

static int fill_result(Result *result, const Session *tested, const Point *point, const char *folder,
                       const float *logits, double start, Arena *arena, Error *err) {
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
    return 0;
}

int point_run(Job *job, const Point *point, const PointFolders *folders, Result *result, Progress *progress,
              Arena *arena, Error *err) {
    Session *tested = point->target < 0 ? &job->session : &job->targets[point->target];
    const Dataset *dataset = &tested->dataset;
    const Method *method = method_of(point);
    double start = clock_seconds();
    float *logits = arena_floats(arena, (size_t)dataset->test.n, (size_t)dataset->n_classes);
    if (arena_failed(arena))
        return error_memory(err);
    result_start(result, point, tested->name, arena);
    int status;
    if (point->learned) {
        result->source = job->session.name;
        status =
            method->transfer(&job->session, point->learned, folders->learned, tested, logits, arena, err);
    } else {
        status = method->run(tested, point, folders->folder, logits, result, progress, arena, err);
    }
    return status < 0 ? -1 : fill_result(result, tested, point, folders->folder, logits, start, arena, err);
}
