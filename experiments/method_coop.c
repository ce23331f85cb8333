/* method_coop.c: learn contexts, in a folder of its own that an interrupted run is resumed from.
 *
 * The folder of a run: config.yaml (an experiment file of this point alone), log.txt, metrics.jsonl and an
 * event file of TensorBoard (an entry per epoch), state.safetensors (every few seconds, when a signal comes,
 * and at the end), prompt.safetensors (at the end). A state that cannot be used, or is of another
 * configuration, means to begin anew; then nothing of the files of before stays.
 */
#include "clip/base/files.h"
#include "clip/ops.h"
#include "coop/prompt_file.h"
#include "coop/train_state.h"
#include "coop/trainer.h"
#include "coop/zeroshot.h"
#include "experiments/clock.h"
#include "experiments/interrupt.h"
#include "experiments/method.h"
#include "experiments/metrics.h"
#include "experiments/predictions.h"
#include "experiments/prompt_classes.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_SECONDS 5.0

static int check(Session *session, const Point *point, Error *err) {
    const Dataset *dataset = &session->dataset;
    if (session_check_training(session, err) < 0)
        return -1;
    if (learner_check(session->model.clip, session->model.tokenizer, dataset->class_names, dataset->n_classes,
                      &point->learner, err) == 0)
        return 0;
    const char *file = point->ctx_digest ? point->learner.ctx_init : NULL;
    if (file && strncmp(err->text, file, strlen(file)) == 0)
        return -1; /* the file of contexts itself is wrong, and named */
    return file ? error_prefix(err, "%s", file)
                : error_prefix(err, "%s: %.80s", session->experiment->path, point->label);
}

/* --- training data --- */

static int load(Session *session, const Point *point, TrainData *data, Arena *arena, Error *err) {
    size_t E = (size_t)session->model.clip->embed_dim;
    ItemList train, val;
    if (session_lists(session, &train, &val, point->num_shots, point->seed, arena, err) < 0)
        return -1;
    /* More views than epochs are never seen. */
    int views = point->views < point->optim.max_epoch ? point->views : point->optim.max_epoch;
    int n_views = views > 0 ? views : 1;
    float *features = arena_floats(arena, (size_t)n_views * (size_t)train.n, E);
    *data = (TrainData){.features = features,
                        .labels = list_labels(&train, arena),
                        .n = train.n,
                        .n_views = n_views,
                        .embed_dim = (int)E};
    if (arena_failed(arena))
        return error_memory(err);
    for (int v = 0; v < n_views; v++) {
        char label[64];
        FeatureView view = {.random = views > 0, .seed = (uint32_t)point->seed, .view = (uint32_t)v};
        if (views > 0)
            snprintf(label, sizeof label, "encoding view %d of %d", v + 1, views);
        else
            snprintf(label, sizeof label, "encoding training images");
        float *rows = features + (size_t)v * (size_t)train.n * E;
        if (session_features(session, rows, &train, view, label, err) < 0)
            return -1;
        unit_rows_forward(rows, NULL, rows, train.n, (int)E);
    }
    return 0;
}

static int prepare(Session *session, const Point *point, Error *err) {
    Arena *arena = arena_create();
    TrainData data;
    int result = arena ? load(session, point, &data, arena, err) : error_memory(err);
    arena_free(arena);
    return result;
}

/* --- the folder of a run --- */

typedef struct {
    const Point *point;
    const char *folder, *state_path;
    PromptLearner *learner;
    TrainState state;
    Progress *progress;
    MetricsWriter metrics;
    FILE *log;
    int n_steps; /* per epoch */
    double start, last_save;
    Error *err;
    bool failed; /* to save the state */
} Run;

/* The metrics reach the disk before the state that counts them. */
static int save(Run *run) {
    run->state.seconds = clock_seconds() - run->start;
    if (metrics_sync(&run->metrics, run->err) == 0 &&
        train_state_write(run->state_path, learner_trainee(run->learner), &run->state, run->point->key,
                          run->err) == 0) {
        run->last_save = clock_seconds();
        return 0;
    }
    run->failed = true;
    return -1;
}

static int on_epoch(void *context, const EpochReport *report, const TrainState *state) {
    Run *run = context;
    metrics_add(&run->metrics, report);
    progress_note(run->progress, "loss %.3f", report->loss);
    return state->epoch == run->point->optim.max_epoch && save(run) < 0;
}

static int on_step(void *context, int epoch, int step, double lr, double loss, const TrainState *state) {
    (void)lr, (void)loss, (void)state;
    Run *run = context;
    bool last = epoch == run->point->optim.max_epoch && step == run->n_steps;
    progress_update(run->progress, (long)(epoch - 1) * run->n_steps + step);
    bool stop = interrupt_signal() != 0;
    if (last || (!stop && clock_seconds() - run->last_save < SAVE_SECONDS))
        return 0;
    return save(run) < 0 || stop;
}

/* Goes on from the state file if there is a usable one of this very configuration. */
static int begin_or_resume(Run *run, Arena *arena, Error *err) {
    Error why = {0};
    bool there = file_exists(run->state_path);
    bool usable = there && train_state_read(run->state_path, learner_trainee(run->learner), &run->state,
                                            run->point->key, &why) == 0;
    if (!usable) {
        static const char *const names[] = {"log.txt", METRICS_FILE, "prompt.safetensors",
                                            "test_logits.safetensors", PREDICTIONS_FILE};
        for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
            const char *path = path_join(arena, run->folder, names[i]);
            if (path)
                unlink(path);
        }
    }
    const char *log_path = path_join(arena, run->folder, "log.txt");
    if (!log_path)
        return error_memory(err);
    run->log = fopen(log_path, "a");
    if (!run->log)
        return error_run(err, "%s: cannot write: %s", log_path, strerror(errno));
    if (usable)
        fprintf(run->log, "resumed in epoch %d after step %d\n", run->state.epoch + 1, run->state.step);
    else if (there) {
        fprintf(run->log, "begun anew: %s\n", why.text);
        progress_print(run->progress, "note: %s; this run begins anew", why.text);
    }
    return metrics_open(&run->metrics, run->folder, run->state.epoch, arena, err);
}

static int write_prompt(Session *session, const Point *point, PromptLearner *learner, const float *text,
                        const char *folder, Arena *arena, Error *err) {
    Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    Prompt prompt = {.n_classes = dataset->n_classes,
                     .n_ctx = learner_n_ctx(learner),
                     .width = clip->text.width,
                     .embed_dim = clip->embed_dim,
                     .csc = point->learner.csc,
                     .class_token_position = point->learner.class_token_position,
                     .class_names = dataset->class_names,
                     .ctx = learner_ctx(learner),
                     .text_features = text,
                     .logit_scale = clip->logit_scale,
                     .backbone = clip->name,
                     .backbone_digest = clip_digest(clip),
                     .vocab_digest = tokenizer_digest(session->model.tokenizer),
                     .dataset = dataset->name,
                     .checkpoint = session->experiment->model.weights,
                     .activation = session->experiment->model.activation,
                     .image_size = clip->image_size};
    memcpy(prompt.mean, clip->mean, sizeof prompt.mean);
    memcpy(prompt.std, clip->std, sizeof prompt.std);
    char *absolute = realpath(prompt.checkpoint, NULL); /* found again from any folder */
    if (absolute)
        prompt.checkpoint = absolute;
    const char *path = path_join(arena, folder, "prompt.safetensors");
    int result = path ? prompt_write(path, &prompt, err) : error_memory(err);
    free(absolute);
    return result;
}

/* Trains; returns -1 with ERROR_SIGNAL when stopped. */
static int train(Session *session, const TrainData *data, Run *run, Result *result, Arena *arena,
                 Error *err) {
    const Point *point = run->point;
    run->n_steps = trainer_steps(data, &point->optim);
    run->state.velocity = arena_floats(arena, learner_ctx_size(run->learner), 1);
    if (!run->state.velocity)
        return error_memory(err);
    if (begin_or_resume(run, arena, err) < 0)
        return -1;
    fprintf(run->log, "%s, %d images, %d tree nodes (%d frozen), %d threads\n", point->label, data->n,
            learner_tree(run->learner)->n_nodes, learner_tree(run->learner)->n_frozen,
            pool_threads(session->model.pool));
    run->last_save = clock_seconds();
    run->start = run->last_save - run->state.seconds;
    progress_resume(run->progress, (long)run->state.epoch * run->n_steps + run->state.step,
                    (long)point->optim.max_epoch * run->n_steps);
    int stopped = trainer_run(learner_trainee(run->learner), data, &point->optim, &run->state, on_epoch,
                              on_step, run, err);
    result->train_seconds = run->state.seconds;
    result->final_loss = run->state.loss;
    fprintf(run->log, "%s: %d epochs and %d steps, %.1f s\n",
            stopped == 0  ? "finished"
            : stopped > 0 ? "stopped"
                          : "failed",
            run->state.epoch, run->state.step, run->state.seconds);
    if (stopped < 0 || run->failed)
        return -1;
    return stopped ? interrupt_check(err) : 0;
}

/* A rate that is too high may break the contexts in the very last step. */
static int check_ctx(PromptLearner *learner, Error *err) {
    const float *ctx = learner_ctx(learner);
    for (size_t i = 0; i < learner_ctx_size(learner); i++)
        if (!isfinite(ctx[i]))
            return error_run(err, "the learned contexts are not finite");
    return 0;
}

/* Learner, training, evaluation of the last step. */
static int learn(Session *session, const TrainData *data, float *logits, Result *result, Run *run,
                 Arena *arena, Error *err) {
    const Point *point = run->point;
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    char *yaml = point_yaml(session->experiment, point, arena);
    const char *yaml_path = path_join(arena, run->folder, "config.yaml");
    if (!yaml || !yaml_path || !run->state_path)
        return error_memory(err);
    if (file_write(yaml_path, yaml, strlen(yaml), err) < 0 ||
        train(session, data, run, result, arena, err) < 0 || check_ctx(run->learner, err) < 0)
        return -1;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    learner_text_features(run->learner, text);
    cosine_logits(session->model.pool, logits, session->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, clip->logit_scale);
    result->n_ctx = learner_n_ctx(run->learner);
    result->n_train = data->n;
    return write_prompt(session, point, run->learner, text, run->folder, arena, err);
}

static int run_point(Session *session, const Point *point, const char *folder, float *logits, Result *result,
                     Progress *progress, Arena *arena, Error *err) {
    TrainData data;
    Run run = {.point = point,
               .folder = folder,
               .progress = progress,
               .state_path = path_join(arena, folder, "state.safetensors"),
               .err = err};
    if (load(session, point, &data, arena, err) < 0)
        return -1;
    run.learner = learner_create(session->model.clip, session->model.tokenizer, session->model.pool,
                                 session->dataset.class_names, session->dataset.n_classes, &point->learner,
                                 experiment_memory_budget(session->experiment), err);
    int status = run.learner ? learn(session, &data, logits, result, &run, arena, err) : -1;
    learner_free(run.learner);
    metrics_close(&run.metrics);
    if (run.log)
        fclose(run.log);
    return status;
}

/* --- other datasets --- */

static int transfer(Session *session, const Point *learned, const char *folder, const Session *target,
                    float *logits, Arena *arena, Error *err) {
    (void)session, (void)learned;
    const Clip *clip = target->model.clip;
    const Dataset *dataset = &target->dataset;
    Prompt prompt;
    const char *path = path_join(arena, folder, "prompt.safetensors");
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (arena_failed(arena))
        return error_memory(err);
    if (prompt_read(&prompt, path, arena, err) < 0 ||
        prompt_check_model(&prompt, path, target->model.clip, err) < 0 ||
        prompt_class_features(text, &prompt, path, target, err) < 0)
        return -1;
    cosine_logits(target->model.pool, logits, target->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, clip->logit_scale);
    return 0;
}

static bool serves_new_classes(const Point *learned) {
    return !learned->learner.csc;
}

const Method method_coop = {check, prepare, run_point, transfer, serves_new_classes};
