/* pretrain_run.c: see pretrain_run.h
 *
 *     for each epoch
 *         steps                          state every state_seconds, and on a signal
 *         evaluation, checkpoint         then the state: one that is killed before does these again
 */
#include "experiments/pretrain/pretrain_run.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "clip/base/stale_files.h"
#include "experiments/pretrain/checkpoints.h"
#include "experiments/pretrain/evaluation.h"
#include "experiments/pretrain/followers.h"
#include "experiments/pretrain/pretrain_page.h"
#include "experiments/pretrain/pretrain_step.h"
#include "experiments/pretrain/schedule.h"
#include "experiments/results/metrics.h"
#include "experiments/terminal/interrupt.h"
#include "experiments/terminal/printable.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define DAMAGED_METRICS "metrics_damaged.jsonl"

typedef struct {
    PretrainSession *session;
    const PretrainConfig *config;
    bool quiet;
    PretrainStepper stepper;
    MetricsWriter metrics;
    PretrainState state;
    BrokenPairs broken;
    Progress progress;
    long first_step;       /* of this process: so many were done before */
    double sent;           /* bytes, by all ranks in its steps */
    double started, saved; /* of this process: when it began (less the time of earlier ones), when it saved */
    Arena *arena;
} Run;

static long steps_done(const Run *run) {
    return (long)run->state.epoch * run->session->steps_per_epoch + run->state.step;
}

static long pairs_done(const Run *run) {
    return steps_done(run) * run->session->effective_batch;
}

/* --- the state --- */

static int save_state(Run *run, Error *err) {
    const PretrainSession *session = run->session;
    run->saved = clock_seconds();
    run->state.seconds = run->saved - run->started;
    followers_collect(&run->stepper, &run->sent);
    if (pretrain_metrics_sync(&run->metrics, &run->state.metrics_size, err) < 0)
        return -1;
    return pretrain_state_write(run->config->output, &run->state, &run->stepper.optimizer, session->identity,
                                err);
}

static int read_state(Run *run, Error *err) {
    bool found;
    const char *damage;
    if (pretrain_state_read(run->config->output, &run->state, &run->stepper.optimizer, run->session->identity,
                            &found, &damage, run->arena, err) < 0)
        return -1;
    if (damage)
        print_line(stderr, "note: %s; going on from the state before it", damage);
    run->started = clock_seconds() - run->state.seconds;
    run->first_step = steps_done(run);
    run->saved = clock_seconds();
    if (found && !run->quiet && run->state.epoch < run->config->optim.epochs)
        print_line(stderr, "going on behind step %ld", steps_done(run));
    return 0;
}

/* An error of the page does not hide why there is one. */
static void leave_page(const Run *run) {
    Error late = {0};
    if (pretrain_page_write(run->session, &run->state, run->quiet, &late) < 0)
        print_line(stderr, "note: %s", late.text);
}

/* Saves what is there, unless that is nothing, or the numbers are no longer worth it: a step that failed for
 * another reason than memory or its pairs. What cannot be saved now hides no error but a signal. */
static int stop(Run *run, Error *err) {
    Error late = {0};
    const bool signal = err->kind == ERROR_SIGNAL, in_step = run->state.step < run->session->steps_per_epoch;
    if (!signal && (steps_done(run) == 0 || (in_step && err->kind == ERROR_RUN && !err->is_memory)))
        return -1;
    if (save_state(run, &late) < 0) {
        if (signal)
            *err = late;
        return -1;
    }
    leave_page(run);
    snprintf(err->text + strlen(err->text), sizeof err->text - strlen(err->text),
             signal ? " behind step %ld; start the same command again to go on"
                    : "; the state behind step %ld is saved",
             steps_done(run));
    return -1;
}

/* --- steps --- */

static int step(Run *run, bool *ended, Error *err) {
    const PretrainSession *session = run->session;
    const long done = steps_done(run);
    const double start = clock_seconds(), lr = schedule_rate(&session->optim, done, session->steps_per_epoch);
    StepMetrics metrics = {.step = done + 1, .epoch = run->state.epoch + 1};
    if (stepper_step(&run->stepper, &run->state, &metrics, lr, ended, err) < 0) {
        if (err->kind == ERROR_RUN && !err->is_memory)
            error_prefix(err, "%s: epoch %d: step %ld (learning rate %g)", run->config->path, metrics.epoch,
                         metrics.step, lr);
        return -1;
    }
    if (*ended)
        return 0;
    const double seconds = clock_seconds() - start;
    metrics.pairs_per_second = seconds > 0 ? session->effective_batch / seconds : 0;
    pretrain_metrics_step(&run->metrics, &metrics);
    progress_note(&run->progress, "epoch %d/%d  loss %.3f", metrics.epoch, session->optim.epochs,
                  metrics.loss);
    progress_update(&run->progress, pairs_done(run));
    if (interrupt_check(err) < 0)
        return -1;
    return clock_seconds() - run->saved >= run->config->state_seconds ? save_state(run, err) : 0;
}

static int train_epoch(Run *run, Error *err) {
    const int n_steps = run->session->steps_per_epoch;
    if (run->state.step < n_steps && stepper_begin(&run->stepper, &run->state, err) < 0)
        return -1;
    while (run->state.step < n_steps) {
        bool ended;
        if (step(run, &ended, err) < 0)
            return -1;
        if (ended) { /* pairs that are broken are missing at its end */
            progress_print(&run->progress, "note: epoch %d has %d of %d steps: too many pairs are broken",
                           run->state.epoch + 1, run->state.step, n_steps);
            run->state.step = n_steps;
        }
    }
    return 0;
}

/* --- between epochs --- */

static bool is_due(int frequency, int epoch, int last) {
    return frequency > 0 && (epoch % frequency == 0 || epoch == last);
}

static void tell_evaluation(Run *run, const Evaluation *evaluation) {
    char val[96] = "", zeroshot[64] = "";
    if (evaluation->n_val + evaluation->n_zeroshot == 0)
        return;
    pretrain_metrics_evaluation(&run->metrics, evaluation);
    if (run->quiet)
        return;
    if (evaluation->n_val > 0)
        snprintf(val, sizeof val, ": val loss %.4f, R@1 %.1f and %.1f %%", evaluation->val_loss,
                 100 * evaluation->to_text.within[0], 100 * evaluation->to_image.within[0]);
    if (evaluation->n_zeroshot > 0)
        snprintf(zeroshot, sizeof zeroshot, "%s zero-shot top-1 %.1f %%, top-5 %.1f %%", *val ? "," : ":",
                 100 * evaluation->top1, 100 * evaluation->top5);
    progress_print(&run->progress, "epoch %d%s%s", evaluation->epoch, val, zeroshot);
}

static int evaluate(Run *run, Evaluation *evaluation, Error *err) {
    const PretrainSession *session = run->session;
    const int epoch = evaluation->epoch, last = session->optim.epochs;
    int status = 0;
    if (session->val && is_due(run->config->val_frequency, epoch, last))
        status = evaluate_pairs(evaluation, session, run->stepper.trainer, &run->broken, err);
    if (status == 0 && session->zeroshot.images && is_due(run->config->zeroshot_frequency, epoch, last))
        status = evaluate_zeroshot(evaluation, session, run->stepper.trainer, &run->broken, err);
    if (status < 0 && err->kind == ERROR_RUN && !err->is_memory)
        error_prefix(err, "%s: evaluation of epoch %d", run->config->path, epoch);
    return status;
}

/* A last step may have made numbers of which neither a checkpoint nor an evaluation should be. */
static int check_finite(const Run *run, Error *err) {
    const Parameters *parameters = &run->session->clip->parameters;
    for (int i = 0; i < parameters->n; i++)
        for (size_t k = 0; k < parameters->items[i].count; k++)
            if (!isfinite(parameters->items[i].value[k]))
                return error_run(err, "%s: epoch %d: %s is not finite any more", run->config->path,
                                 run->state.epoch + 1, parameters->items[i].name);
    return 0;
}

/* An evaluation is told when the epoch is over: what fails before that is evaluated again. */
static int finish_epoch(Run *run, Error *err) {
    const int epoch = run->state.epoch + 1;
    Evaluation evaluation = {.step = (long)epoch * run->session->steps_per_epoch, .epoch = epoch};
    if (check_finite(run, err) < 0 || evaluate(run, &evaluation, err) < 0 ||
        checkpoints_add(run->session, epoch, err) < 0)
        return -1;
    tell_evaluation(run, &evaluation);
    run->state.epoch = epoch;
    run->state.step = 0;
    memset(run->state.positions, 0, sizeof run->state.positions);
    return save_state(run, err);
}

/* --- the whole --- */

/* The lines are a log: no number of the training comes from them, so damage to them does not stop it. The
 * state is saved at once, lest the next start take the new file for a damaged one. */
static int begin_metrics_anew(Run *run, Error *err) {
    const char *output = run->config->output, *path = path_join(run->arena, output, METRICS_FILE);
    const char *aside = path_join(run->arena, output, DAMAGED_METRICS);
    if (!path || !aside)
        return error_memory(err);
    if (rename(path, aside) < 0 && errno != ENOENT)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot rename", path);
    print_line(stderr, "note: %s; what there is of it is %s now, and curves begin behind step %ld", err->text,
               DAMAGED_METRICS, steps_done(run));
    *err = (Error){0};
    run->state.metrics_size = 0;
    if (pretrain_metrics_open(&run->metrics, output, 0, run->arena, err) < 0)
        return -1;
    return save_state(run, err);
}

static int open_metrics(Run *run, Error *err) {
    if (pretrain_metrics_open(&run->metrics, run->config->output, run->state.metrics_size, run->arena, err) ==
        0)
        return 0;
    return err->kind == ERROR_INPUT && !err->is_memory ? begin_metrics_anew(run, err) : -1;
}

static int train(Run *run, Error *err) {
    const PretrainSession *session = run->session;
    followers_start(&run->stepper);
    if (checkpoints_begin(session, err) < 0 || open_metrics(run, err) < 0)
        return -1;
    progress_start(&run->progress, stderr, run->quiet, "pretraining", 0);
    progress_resume(&run->progress, pairs_done(run),
                    (long)session->optim.epochs * session->steps_per_epoch * session->effective_batch);
    while (run->state.epoch < session->optim.epochs)
        if (train_epoch(run, err) < 0 || finish_epoch(run, err) < 0)
            return stop(run, err);
    return 0;
}

/* One that was made for more epochs than are asked for now has its checkpoint under another number. */
static int finished_already(Run *run, Error *err) {
    bool written = false;
    if (!run->quiet)
        print_line(stderr, "finished already: %ld steps", steps_done(run));
    if (run->state.epoch == run->config->optim.epochs && checkpoints_restore(run->session, &written, err) < 0)
        return -1;
    if (written)
        print_line(stderr, "note: %s: the last checkpoint was not all there; it is written anew",
                   run->config->output);
    return 0;
}

static void tell_counts(const Run *run) {
    if (run->state.n_cut > 0 && !run->quiet)
        print_line(stderr, "note: %ld captions were cut at %d tokens", run->state.n_cut,
                   run->session->clip->text.n_positions);
    if (run->sent > 0 && !run->quiet)
        print_line(stderr, "note: %d ranks have sent each other %.0f bytes in %ld steps",
                   ranks_count(run->session->ranks), run->sent, steps_done(run) - run->first_step);
    if (run->state.n_broken > 0)
        print_line(stderr, "note: pairs that could not be read were skipped %ld times", run->state.n_broken);
}

static int run_all(Run *run, Error *err) {
    const PretrainConfig *config = run->config;
    if (stepper_open(&run->stepper, run->session, &run->broken, err) < 0 || read_state(run, err) < 0)
        return -1;
    remove_stale_files(config->output);
    if (run->state.epoch < config->optim.epochs ? train(run, err) < 0 : finished_already(run, err) < 0)
        return -1;
    progress_finish(&run->progress);
    tell_counts(run);
    return pretrain_page_write(run->session, &run->state, run->quiet, err);
}

int pretrain_run(PretrainSession *session, bool quiet, Error *err) {
    Arena *arena = arena_create();
    Run run = {.session = session, .config = session->config, .quiet = quiet, .arena = arena};
    run.state.n_parts = session->optim.parts;
    run.broken = (BrokenPairs){.progress = &run.progress, .named.arena = arena};
    int status = arena ? run_all(&run, err) : error_memory(err);
    progress_finish(&run.progress);
    metrics_close(&run.metrics);
    stepper_close(&run.stepper);
    arena_free(arena);
    return status;
}
