/* trainer.h: the training loop of CoOp (Zhou et al. 2022, section 4; Dassl's SGD, constant warm-up, cosine
 * schedule), for whatever is trained on frozen image features: contexts, or a layer on the text features. */
#ifndef COOP_TRAINER_H
#define COOP_TRAINER_H

#include "clip/base/error.h"
#include "clip/base/random.h"

#include <stdbool.h>
#include <stddef.h>

/* What is trained. */
typedef struct {
    const char *name;  /* of the parameters, in messages and in a state file */
    float *parameters; /* (n_parameters): read and written */
    size_t n_parameters;
    int n_classes;        /* K */
    const Rng *generator; /* the orders of the epochs are drawn from a copy of it */

    /* Mean cross-entropy of a batch at the present parameters, and its gradient.
     *   images (B, E), unit length   labels (B)   logits (B, K): room   gradient (n_parameters): overwritten
     * *n_correct counts the images whose label has the largest logit. */
    double (*loss)(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct);
    void *model;
} Trainee;

typedef enum { SCHEDULE_COSINE, SCHEDULE_CONSTANT } Schedule;

typedef struct {
    double lr, momentum, weight_decay; /* 0.002, 0.9, 5e-4 */
    int max_epoch, batch_size;         /* E, 32; the last incomplete batch is dropped when n >= batch_size */
    Schedule lr_scheduler;
    int warmup_epoch;      /* 1: epochs at warmup_cons_lr */
    double warmup_cons_lr; /* 1e-5 */
    bool shuffle;          /* a fresh order every epoch (Trainee.generator); else that of the list */
} OptimConfig;

/* Epoch e counts from 1: warmup_cons_lr up to warmup_epoch W, then lr (constant) or lr/2 (1 + cos(pi (e - 1 -
 * W) / max_epoch)). */
double optim_lr(const OptimConfig *optim, int epoch);

typedef struct {
    const float *features;     /* (n_views, n, E), unit length; epoch e uses view (e - 1) mod n_views */
    const int *labels;         /* (n) */
    int n, n_views, embed_dim; /* n, n_views >= 1 */
} TrainData;

/* What a run is between two steps; together with the parameters, all that a resumed run needs. */
typedef struct {
    int epoch;       /* epochs done */
    int step;        /* steps done of the next one */
    double loss;     /* mean of the last epoch that is done */
    double loss_sum; /* over the steps of the epoch under way, */
    long n_correct;  /* images of theirs that were labelled right */
    double seconds;  /* spent on it; the caller's to keep */
    float *velocity; /* (n_parameters): the momentum buffer, zero at the start; caller's memory */
} TrainState;

typedef struct {
    int epoch, n_steps;
    double lr, loss, accuracy; /* means over the steps of the epoch */
} EpochReport;

/* Called after every epoch; a non-zero return stops the training with that state (trainer_run returns 1). */
typedef int (*EpochFn)(void *context, const EpochReport *report, const TrainState *state);

/* Called after every step, before the EpochFn of a last step (may be NULL); epoch and step count from 1. A
 * non-zero return stops likewise. */
typedef int (*StepFn)(void *context, int epoch, int step, double lr, double loss, const TrainState *state);

/* The order of the items in an epoch, as a plain PyTorch loop draws it: one randperm per epoch. Those of
 * earlier epochs are drawn again, so that an epoch's order needs nothing from before. order (n). */
void trainer_order(int *order, int n, const Rng *generator, int epoch);

int trainer_steps(const TrainData *data, const OptimConfig *optim); /* per epoch */

/* Goes on from the state up to max_epoch. Returns 0 when done, 1 when a callback stopped it, -1 with
 * ERROR_RUN when a loss or, at the end of an epoch, a parameter is not finite, or memory is missing. However
 * often a run is stopped and resumed, the bits are those of a run in one go. */
int trainer_run(const Trainee *trainee, const TrainData *data, const OptimConfig *optim, TrainState *state,
                EpochFn on_epoch, StepFn on_step, void *context, Error *err);

#endif
