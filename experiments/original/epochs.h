/* epochs.h: a training as the original tells of it: its lines, its models, its TensorBoard events. */
#ifndef EXPERIMENTS_ORIGINAL_EPOCHS_H
#define EXPERIMENTS_ORIGINAL_EPOCHS_H

#include "experiments/original/evaluate.h"
#include "experiments/original/log.h"
#include "experiments/original/settings.h"
#include "experiments/session/session.h"

typedef struct {
    double value, sum;
    int count;
} Meter;

typedef struct {
    Log *log;
    const Settings *settings;
    Session *session;
    const Point *point;
    Arena *arena;
    TrainingWatch watch;
    FILE *events; /* tensorboard/, or NULL */
    int n_steps, n_images;
    long n_correct; /* of the epoch, before the step */
    double last;    /* when the last step ended */
    Meter time, loss, accuracy;
    Evaluation *validation; /* after every epoch; NULL: none. Set before the training begins */
    double best;            /* of them */
    const char *from,
        *resumed; /* the folder and the model that it goes on from; "": none but its own state */
} Epochs;

/* The watch tells of the trainings of the session, which keeps it. */
int epochs_start(Epochs *epochs, Log *log, const Settings *settings, Session *session, Arena *arena,
                 Error *err);
/* "test/accuracy" and so on (outcome NULL: none), behind the last epoch; then closes the events. */
void epochs_finish(Epochs *epochs, const char *split, const Outcome *outcome);

#endif
