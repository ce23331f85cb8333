/* epochs.c: see epochs.h. As there, each start has an event file of its own, named by the time. Images are
 * encoded before the first step, so that of a step's time none is for data. */
#include "experiments/original/epochs.h"

#include "clip/base/clock.h"
#include "clip/base/files.h"
#include "experiments/original/describe.h"
#include "experiments/results/tensorboard.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <time.h>

static void update(Meter *meter, double value) {
    meter->value = value;
    meter->sum += value;
    meter->count++;
}

static double average(const Meter *meter) {
    return meter->count > 0 ? meter->sum / meter->count : 0;
}

/* "1 day, 2:03:04" */
static void eta_text(double seconds, char out[40]) {
    const long all = (long)seconds, days = all / 86400, rest = all % 86400;
    int n = days > 0 ? snprintf(out, 40, "%ld day%s, ", days, days == 1 ? "" : "s") : 0;
    snprintf(out + n, 40 - (size_t)n, "%ld:%02ld:%02ld", rest / 3600, rest / 60 % 60, rest % 60);
}

/* The best so far of a training that is resumed, as its file says; one of a later epoch comes again. */
static void find_best(Epochs *epochs, int epoch) {
    Error why;
    Arena *arena = arena_create();
    const char *path = epochs->validation ? model_file_path(epochs->settings->output, -1, arena) : NULL;
    ModelFile file;
    if (path && epoch > 0 && file_exists(path) &&
        model_file_read(&file, path, epochs->session, epochs->point, arena, &why) == 0 &&
        file.epoch <= epoch && !isnan(file.val_result))
        epochs->best = file.val_result;
    arena_free(arena);
}

static void begin(void *context, const Point *point, const TrainState *state, int n_steps, int n_images) {
    Epochs *epochs = context;
    epochs->point = point;
    epochs->n_steps = n_steps;
    epochs->n_images = n_images;
    epochs->n_correct = state->n_correct;
    find_best(epochs, state->epoch);
    if (*epochs->resumed)
        describe_resumed(epochs->log, epochs->settings, epochs->from, epochs->resumed, state->epoch);
    else if (state->epoch > 0 || state->step > 0)
        describe_resumed(epochs->log, epochs->settings, epochs->settings->output, "", state->epoch);
    else
        log_puts(epochs->log, "No checkpoint found, train from scratch\n");
    log_printf(epochs->log,
               epochs->settings->older
                   ? "Initializing summary writer for tensorboard with log_dir=%s/tensorboard\n"
                   : "Initialize tensorboard (log_dir=%s/tensorboard)\n",
               epochs->settings->output);
    epochs->last = clock_seconds();
}

static void print_step(const Epochs *epochs, int epoch, int step, double lr) {
    char eta[40];
    const int max_epoch = epochs->point->optim.max_epoch;
    const double left = (double)(epochs->n_steps - step) + (double)(max_epoch - epoch) * epochs->n_steps;
    eta_text(average(&epochs->time) * left, eta);
    const Meter *time = &epochs->time, *loss = &epochs->loss, *accuracy = &epochs->accuracy;
    if (epochs->settings->older)
        log_printf(
            epochs->log,
            "epoch [%d/%d][%d/%d]\ttime %.3f (%.3f)\tdata 0.000 (0.000)\teta %s\tloss %.4f (%.4f)\tacc %.4f "
            "(%.4f)\tlr %.6e\n",
            epoch, max_epoch, step, epochs->n_steps, time->value, average(time), eta, loss->value,
            average(loss), accuracy->value, average(accuracy), lr);
    else
        log_printf(
            epochs->log,
            "epoch [%d/%d] batch [%d/%d] time %.3f (%.3f) data 0.000 (0.000) loss %.4f (%.4f) acc %.4f "
            "(%.4f) lr %.4e eta %s\n",
            epoch, max_epoch, step, epochs->n_steps, time->value, average(time), loss->value, average(loss),
            accuracy->value, average(accuracy), lr, eta);
}

/* The original names the rate that the next step will have. KgCoOp, ProGrad and TCP have no other names for
 * what they print. */
static void step(void *context, int epoch, int number, double lr, double loss, const TrainState *state) {
    Epochs *epochs = context;
    const OptimConfig *optim = &epochs->point->optim;
    const long long frequency = yacs_int(&epochs->settings->config, "TRAIN.PRINT_FREQ");
    const double now = clock_seconds();
    if (number == 1) {
        epochs->time = epochs->loss = epochs->accuracy = (Meter){0};
        epochs->n_correct = 0;
    }
    update(&epochs->time, now - epochs->last);
    update(&epochs->loss, loss);
    update(&epochs->accuracy,
           100.0 * (double)(state->n_correct - epochs->n_correct) / (double)epochs->n_images);
    epochs->n_correct = state->n_correct;
    if (number == epochs->n_steps)
        lr = optim_lr(optim, epoch + 1, 1, epochs->n_steps);
    if (frequency > 0 && (number % frequency == 0 || epochs->n_steps < frequency))
        print_step(epochs, epoch, number, lr);
    if (epochs->events) {
        const int at = (epoch - 1) * epochs->n_steps + number - 1;
        tensorboard_scalar(epochs->events, "train/loss", at, average(&epochs->loss));
        tensorboard_scalar(epochs->events, "train/acc", at, average(&epochs->accuracy));
        tensorboard_scalar(epochs->events, "train/lr", at, lr);
    }
    epochs->last = clock_seconds();
}

static int save(Epochs *epochs, const TrainedModel *model, double val_result, Arena *arena, Error *err) {
    const char *path;
    if (model_file_write(&path, epochs->settings->output, model, val_result, arena, err) < 0)
        return -1;
    log_printf(epochs->log,
               epochs->settings->older ? "Checkpoint saved to \"%s\"\n" : "Checkpoint saved to %s\n", path);
    return 0;
}

/* The best model on the validation images so far is kept. */
static int validate(Epochs *epochs, const TrainedModel *model, Arena *arena, Error *err) {
    const ModelFile file = model_file_of(model);
    Outcome outcome;
    if (evaluation_run(&outcome, epochs->validation, &file, arena, err) < 0)
        return -1;
    evaluation_events(epochs->events, epochs->validation->split, model->state->epoch, &outcome,
                      epochs->settings, epochs->session->dataset.n_classes);
    if (outcome.accuracy <= epochs->best)
        return 0;
    epochs->best = outcome.accuracy;
    return save(epochs, model, outcome.accuracy, arena, err);
}

static int after_epoch(void *context, const Trainee *trainee, const TrainState *state, Error *err) {
    Epochs *epochs = context;
    const int epoch = state->epoch;
    const TrainedModel model = {epochs->session, epochs->point, trainee, state, epochs->n_steps};
    const long long frequency = yacs_int(&epochs->settings->config, "TRAIN.CHECKPOINT_FREQ");
    const bool saves = epoch == epochs->point->optim.max_epoch || (frequency > 0 && epoch % frequency == 0);
    if (!saves && !epochs->validation)
        return 0;
    Arena *arena = arena_create();
    int status = arena ? 0 : error_memory(err);
    if (status == 0 && epochs->validation)
        status = validate(epochs, &model, arena, err);
    if (status == 0 && saves)
        status = save(epochs, &model, NAN, arena, err);
    arena_free(arena);
    return status;
}

int epochs_start(Epochs *epochs, Log *log, const Settings *settings, Session *session, Arena *arena,
                 Error *err) {
    const char *folder = path_join(arena, settings->output, "tensorboard");
    const char *path = arena_printf(arena, "%s/events.out.tfevents.%lld.coop", folder, (long long)time(NULL));
    *epochs = (Epochs){.log = log,
                       .settings = settings,
                       .session = session,
                       .arena = arena,
                       .from = "",
                       .resumed = "",
                       .best = -INFINITY};
    epochs->watch = (TrainingWatch){epochs, begin, step, after_epoch};
    if (!folder || !path)
        return error_memory(err);
    if (make_folders(folder, err) < 0)
        return -1;
    epochs->events = fopen(path, "w");
    if (!epochs->events)
        return error_errno(err, ERROR_RUN, errno, "%s: cannot write", path);
    tensorboard_begin(epochs->events);
    session->watch = &epochs->watch;
    return 0;
}

void epochs_finish(Epochs *epochs, const char *split, const Outcome *outcome) {
    epochs->session->watch = NULL;
    if (outcome)
        evaluation_events(epochs->events, split, (int)yacs_int(&epochs->settings->config, "OPTIM.MAX_EPOCH"),
                          outcome, epochs->settings, epochs->session->dataset.n_classes);
    fclose(epochs->events);
    epochs->events = NULL;
}
