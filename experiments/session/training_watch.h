/* training_watch.h: who is told of a training as it goes on, beside the files that it leaves. */
#ifndef EXPERIMENTS_SESSION_TRAINING_WATCH_H
#define EXPERIMENTS_SESSION_TRAINING_WATCH_H

#include "clip/base/error.h"
#include "coop/trainer.h"
#include "experiments/grid/point.h"

typedef struct {
    void *context; /* of the following */

    /* Before the first step, of a training that is resumed too: steps per epoch, images per step. */
    void (*begin)(void *context, const Point *point, const TrainState *state, int n_steps, int n_images);
    /* As StepFn. */
    void (*step)(void *context, int epoch, int step, double lr, double loss, const TrainState *state);
    /* After an epoch; after the last one also of a training that was found finished. */
    int (*epoch)(void *context, const Trainee *trainee, const TrainState *state, Error *err);
} TrainingWatch;

#endif
