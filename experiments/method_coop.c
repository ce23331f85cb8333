/* method_coop.c: learn contexts, in a folder of its own that an interrupted run is resumed from.
 *
 * The folder of a run: config.yaml (an experiment file of this point alone), log.txt, metrics.jsonl (a line
 * per epoch), state.safetensors (every few seconds, and when a signal comes), prompt.safetensors (at the
 * end).
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

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SAVE_SECONDS 5.0

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
        snprintf(label, sizeof label, views > 0 ? "encoding view %d of %d" : "encoding training images",
                 v + 1, views);
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
    PromptLearner *learner;
    Progress *progress;
    const char *state_path;
    FILE *metrics, *log;
    double last_save;
    Error *err;
    bool failed; /* to save the state */
} Run;

static FILE *open_log(const char *folder, const char *name, const char *mode, Arena *arena, Error *err) {
    const char *path = path_join(arena, folder, name);
    FILE *file = path ? fopen(path, mode) : NULL;
    if (!file)
        error_run(err, "%s: cannot write: %s", path ? path : folder, strerror(errno));
    return file;
}

/* Cuts metrics.jsonl behind the epochs that the state knows: what came after them is done again. */
static int cut_metrics(const char *folder, int epochs, Arena *arena, Error *err) {
    const char *path = path_join(arena, folder, "metrics.jsonl");
    if (!path)
        return error_memory(err);
    if (!file_exists(path))
        return 0;
    size_t size;
    char *text = file_read(path, (size_t)1 << 30, arena, &size, err);
    if (!text)
        return -1;
    size_t end = 0;
    for (int line = 0; line < epochs && end < size; line++) {
        const char *newline = memchr(text + end, '\n', size - end);
        end = newline ? (size_t)(newline - text) + 1 : size;
    }
    return truncate(path, (off_t)end) == 0 ? 0 : error_run(err, "%s: cannot cut: %s", path, strerror(errno));
}

static int on_epoch(void *context, const EpochReport *report, const TrainState *state) {
    Run *run = context;
    fprintf(run->metrics, "{\"epoch\": %d, \"lr\": %.9g, \"loss\": %.9g, \"accuracy\": %.9g}\n",
            report->epoch, report->lr, report->loss, 100 * report->accuracy);
    progress_note(run->progress, "loss %.3f", report->loss);
    progress_update(run->progress, report->epoch);
    bool last = report->epoch == run->point->optim.max_epoch, stop = interrupt_signal() != 0;
    if (!last && !stop && clock_seconds() - run->last_save < SAVE_SECONDS)
        return 0;
    if (fflush(run->metrics) != 0 ||
        train_state_write(run->state_path, run->learner, state, run->point->key, run->err) < 0) {
        run->failed = true;
        return 1;
    }
    run->last_save = clock_seconds();
    return stop && !last;
}

/* Goes on from the state file if there is one of this very configuration; another one, or a damaged one, is
 * begun anew. */
static void resume(Run *run, TrainState *state) {
    Error why = {0};
    if (!file_exists(run->state_path))
        return;
    if (train_state_read(run->state_path, run->learner, state, run->point->key, &why) == 0) {
        fprintf(run->log, "resumed after epoch %d\n", state->epoch);
        return;
    }
    fprintf(run->log, "begun anew: %s\n", why.text);
    progress_print(run->progress, "note: %s; this run begins anew", why.text);
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
static int train(Session *session, const Point *point, const TrainData *data, const char *folder, Run *run,
                 Result *result, Arena *arena, Error *err) {
    TrainState state = {.velocity = arena_floats(arena, learner_ctx_size(run->learner), 1)};
    if (!state.velocity)
        return error_memory(err);
    run->log = open_log(folder, "log.txt", "a", arena, err);
    if (!run->log)
        return -1;
    fprintf(run->log, "%s, %d images, %d tree nodes (%d frozen), %d threads\n", point->label, data->n,
            learner_tree(run->learner)->n_nodes, learner_tree(run->learner)->n_frozen,
            pool_threads(session->model.pool));
    resume(run, &state);
    if (cut_metrics(folder, state.epoch, arena, err) < 0)
        return -1;
    run->metrics = open_log(folder, "metrics.jsonl", "a", arena, err);
    if (!run->metrics)
        return -1;
    double start = run->last_save = clock_seconds();
    progress_update(run->progress, state.epoch);
    int stopped = trainer_run(run->learner, data, &point->optim, &state, on_epoch, NULL, run, err);
    result->train_seconds = clock_seconds() - start;
    result->final_loss = state.loss;
    fprintf(run->log, "%s epoch %d, %.1f s\n", stopped ? "stopped after" : "finished", state.epoch,
            result->train_seconds);
    if (stopped < 0 || run->failed)
        return -1;
    return stopped ? interrupt_check(err) : 0;
}

/* Learner, training, evaluation of the last step. */
static int learn(Session *session, const Point *point, const TrainData *data, const char *folder,
                 float *logits, Result *result, Run *run, Arena *arena, Error *err) {
    const Clip *clip = session->model.clip;
    const Dataset *dataset = &session->dataset;
    char *yaml = point_yaml(session->experiment, point, arena);
    const char *yaml_path = path_join(arena, folder, "config.yaml");
    if (!yaml || !yaml_path || !run->state_path)
        return error_memory(err);
    if (file_write(yaml_path, yaml, strlen(yaml), err) < 0 ||
        train(session, point, data, folder, run, result, arena, err) < 0)
        return -1;
    float *text = arena_floats(arena, (size_t)dataset->n_classes, (size_t)clip->embed_dim);
    if (!text)
        return error_memory(err);
    learner_text_features(run->learner, text);
    cosine_logits(session->model.pool, logits, session->test_unit, text, dataset->test.n, dataset->n_classes,
                  clip->embed_dim, clip->logit_scale);
    result->n_ctx = learner_n_ctx(run->learner);
    result->n_train = data->n;
    return write_prompt(session, point, run->learner, text, folder, arena, err);
}

static int run_point(Session *session, const Point *point, const char *folder, float *logits, Result *result,
                     Progress *progress, Arena *arena, Error *err) {
    TrainData data;
    Run run = {.point = point,
               .progress = progress,
               .state_path = path_join(arena, folder, "state.safetensors"),
               .err = err};
    if (load(session, point, &data, arena, err) < 0)
        return -1;
    run.learner = learner_create(session->model.clip, session->model.tokenizer, session->model.pool,
                                 session->dataset.class_names, session->dataset.n_classes, &point->learner,
                                 experiment_memory_budget(session->experiment), err);
    int status = run.learner ? learn(session, point, &data, folder, logits, result, &run, arena, err) : -1;
    learner_free(run.learner);
    if (run.metrics)
        fclose(run.metrics);
    if (run.log)
        fclose(run.log);
    return status;
}

const Method method_coop = {prepare, run_point};
