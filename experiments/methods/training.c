/* training.c: see training.h. */
#include "experiments/methods/training.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/math/ops.h"
#include "coop/train_state.h"
#include "experiments/grid/point_yaml.h"
#include "experiments/results/learned_file.h"
#include "experiments/results/logits.h"
#include "experiments/results/metrics.h"
#include "experiments/results/predictions.h"
#include "experiments/terminal/interrupt.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_SECONDS 5.0
#define SAVE_SHARE 20 /* times as long as saving took, so that a large state does not slow the training */

/* --- data --- */

int training_views(const Point *point) {
    return point->views < point->optim.max_epoch ? point->views : point->optim.max_epoch;
}

int training_load(Session *session, const Point *point, int n_views, TrainData *data, float **mean,
                  Arena *arena, Error *err) {
    size_t E = (size_t)session->model.clip->embed_dim;
    ItemList train, val;
    if (session_lists(session, &train, &val, point->num_shots, point->seed, arena, err) < 0)
        return -1;
    int views = n_views;
    n_views = views > 0 ? views : 1;
    float *features = arena_floats(arena, (size_t)n_views * (size_t)train.n, E);
    if (mean)
        *mean = arena_floats(arena, (size_t)train.n, E);
    *data = (TrainData){.features = features,
                        .labels = list_labels(&train, arena),
                        .n = train.n,
                        .n_views = n_views,
                        .embed_dim = (int)E};
    if (arena_failed(arena))
        return error_memory(err);
    const FeatureView first = {.random = views > 0, .seed = (uint32_t)point->seed};
    const int status =
        views > 0 ? session_views(session, features, &train, first, views, err)
                  : session_features(session, features, &train, first, "encoding training images", err);
    if (status < 0)
        return -1;
    for (int v = 0; v < n_views; v++) {
        float *rows = features + (size_t)v * (size_t)train.n * E;
        for (size_t i = 0; mean && i < (size_t)train.n * E; i++)
            (*mean)[i] += rows[i] / (float)n_views;
        unit_rows_forward(rows, NULL, rows, train.n, (int)E);
    }
    return 0;
}

int training_prepare(Session *session, const Point *point, Arena *arena, Error *err) {
    TrainData data;
    return training_load(session, point, training_views(point), &data, NULL, arena, err);
}

int training_check_texts(Session *session, const Point *point, Error *err) {
    if (session_check_training(session, err) < 0)
        return -1;
    return session_check_texts(session, &point->options->templates, point->label, err);
}

/* --- the folder of a run --- */

typedef struct {
    const Point *point;
    const char *folder, *state_path;
    const Trainee *trainee;
    const TrainingWatch *watch; /* may be NULL */
    TrainState state;
    Progress *progress;
    MetricsWriter metrics;
    FILE *log;
    int n_steps;   /* per epoch */
    long n_in_all; /* of the training */
    double start, last_save;
    double save_every; /* seconds */
    Error *err;
    bool failed; /* to save the state */
} Run;

/* The metrics reach the disk before the state that counts them. */
static int save(Run *run) {
    const double start = clock_seconds();
    run->state.seconds = start - run->start;
    trainer_gather(run->trainee, &run->state);
    if (metrics_sync(&run->metrics, run->err) == 0 &&
        train_state_write(run->state_path, run->trainee, &run->state, run->point->key, run->err) == 0) {
        run->last_save = clock_seconds();
        run->save_every = fmax(SAVE_SECONDS, SAVE_SHARE * (run->last_save - start));
        return 0;
    }
    run->failed = true;
    return -1;
}

static int on_epoch(void *context, const EpochReport *report, const TrainState *state) {
    Run *run = context;
    metrics_add(&run->metrics, report);
    progress_note(run->progress, "loss %.3f", report->loss);
    if (state->epoch == run->point->optim.max_epoch)
        return save(run) < 0;
    run->failed = run->watch && run->watch->epoch(run->watch->context, run->trainee, state, run->err) < 0;
    return run->failed;
}

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    Run *run = context;
    if (run->watch)
        run->watch->step(run->watch->context, epoch, step, lr, loss, state);
    const long done = (long)(epoch - 1) * run->n_steps + step;
    progress_update(run->progress, done);
    bool stop = interrupt_signal() != 0, last = done == run->n_in_all;
    if (last || (!stop && clock_seconds() - run->last_save < run->save_every))
        return 0;
    return save(run) < 0 || stop;
}

/* Goes on from the state file, if it is of this very configuration, and from the epochs that it counts.
 * Whatever fails, the training is at its beginning again. */
static int resume(Run *run, Arena *arena, Error *err) {
    const Trainee *trainee = run->trainee;
    const size_t n = trainee->n_parameters;
    float *first = arena_floats(arena, 1, n);
    if (!first)
        return error_memory(err);
    memcpy(first, trainee->parameters, n * sizeof *first);
    if (train_state_read(run->state_path, trainee, &run->state, run->point->key, err) < 0)
        return -1;
    if (!run->state.checked)
        error_set(err, "%s: metadata: no checksum, as an earlier version wrote it", run->state_path);
    else if (metrics_open(&run->metrics, run->folder, run->state.elsewhere, run->state.epoch, arena, err) ==
             0)
        return 0;
    metrics_close(&run->metrics);
    memcpy(trainee->parameters, first, n * sizeof *first);
    run->state = trainer_begin(trainee, &run->point->optim, arena);
    return -1;
}

static void remove_file(const Run *run, const char *name, Arena *arena) {
    const char *path = path_join(arena, run->folder, name);
    if (path)
        unlink(path);
}

static int begin_or_resume(Run *run, Arena *arena, Error *err) {
    Error why = {0};
    bool there = file_exists(run->state_path);
    bool usable = there && resume(run, arena, &why) == 0;
    if (why.kind == ERROR_RUN) { /* nothing is wrong with the file */
        *err = why;
        return -1;
    }
    if (!usable) {
        static const char *const names[] = {"log.txt", METRICS_FILE, LOGITS_FILE, PREDICTIONS_FILE, NULL};
        for (int i = 0; names[i]; i++)
            remove_file(run, names[i], arena);
        for (int i = 0; learned_file_name(i); i++)
            remove_file(run, learned_file_name(i), arena);
    }
    const char *log_path = path_join(arena, run->folder, "log.txt");
    if (!log_path)
        return error_memory(err);
    run->log = fopen(log_path, "a");
    if (!run->log)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot write", log_path);
    if (usable)
        fprintf(run->log, "resumed in epoch %d after step %d\n", run->state.epoch + 1, run->state.step);
    else if (there) {
        fprintf(run->log, "begun anew: %s\n", why.text);
        progress_print(run->progress, "note: %s; this run begins anew", why.text);
    }
    return usable ? 0 : metrics_open(&run->metrics, run->folder, 0, 0, arena, err);
}

static int write_config(const Session *session, const Run *run, Arena *arena, Error *err) {
    char *yaml = point_yaml(session->experiment, run->point, arena);
    const char *path = path_join(arena, run->folder, POINT_YAML_FILE);
    return yaml && path ? file_write(path, yaml, strlen(yaml), err) : error_memory(err);
}

/* 1 when a signal stopped it. */
static int train(const Session *session, const TrainData *data, const char *detail, Run *run, Error *err) {
    const OptimConfig *optim = &run->point->optim;
    fprintf(run->log, "%s, %d images, %s%s%d threads\n", run->point->label, data->n, detail,
            *detail ? ", " : "", pool_threads(session->model.pool));
    run->last_save = clock_seconds();
    run->start = run->last_save - run->state.seconds;
    progress_resume(run->progress, (long)run->state.epoch * run->n_steps + run->state.step, run->n_in_all);
    if (run->watch)
        run->watch->begin(run->watch->context, run->point, &run->state, run->n_steps,
                          data->n < optim->batch_size ? data->n : optim->batch_size);
    int stopped = trainer_run(run->trainee, data, optim, &run->state, on_epoch, on_step, run, err);
    const char *end = stopped == 0 ? "finished" : stopped > 0 ? "stopped" : "failed";
    fprintf(run->log, "%s: %d epochs and %d steps, %.1f s\n", end, run->state.epoch, run->state.step,
            run->state.seconds);
    if (stopped == 0 && run->watch)
        run->failed = run->watch->epoch(run->watch->context, run->trainee, &run->state, err) < 0;
    return run->failed ? -1 : stopped;
}

int training_run(Session *session, const Point *point, const char *folder, const Trainee *trainee,
                 const TrainData *data, const char *detail, Result *result, Progress *progress, Arena *arena,
                 Error *err) {
    Run run = {.point = point,
               .folder = folder,
               .trainee = trainee,
               .watch = session->watch,
               .progress = progress,
               .n_steps = trainer_steps(data, &point->optim),
               .n_in_all = trainer_total_steps(data, &point->optim),
               .save_every = SAVE_SECONDS,
               .state_path = path_join(arena, folder, STATE_FILE),
               .err = err};
    run.state = trainer_begin(trainee, &point->optim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    int status = -1;
    if (write_config(session, &run, arena, err) == 0 && begin_or_resume(&run, arena, err) == 0)
        status = train(session, data, detail, &run, err);
    result->n_train = data->n;
    result->trained_parameters = (double)trainee->n_parameters;
    result->train_seconds = run.state.seconds;
    result->final_loss = run.state.epoch > run.state.elsewhere ? run.state.loss : NAN;
    metrics_close(&run.metrics);
    if (run.log)
        fclose(run.log);
    return status > 0 ? interrupt_check(err) : status;
}

int training_read(const Trainee *trainee, const OptimConfig *optim, const Point *learned, const char *folder,
                  Arena *arena, Error *err) {
    const char *path = path_join(arena, folder, STATE_FILE);
    TrainState state = trainer_begin(trainee, optim, arena);
    if (arena_failed(arena))
        return error_memory(err);
    return train_state_read(path, trainee, &state, learned->key, err);
}
