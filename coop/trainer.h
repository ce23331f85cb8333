/* trainer.h: the training loop of everything that learns from a few labelled images: contexts, a layer on the
 * text features, the keys of a cache, from frozen image features; the weights of a tower, from crops.
 *
 *     TrainState state = trainer_begin(trainee, &optim, arena);
 *     if (arena_failed(arena)) ... error_memory(err);
 *     trainer_run(trainee, &data, &optim, &state, NULL, on_step, context, err);
 *
 * With the defaults in OptimConfig it is the loop of CoOp (Zhou et al. 2022, section 4; Dassl's SGD, constant
 * warm-up, cosine schedule).
 */
#ifndef COOP_TRAINER_H
#define COOP_TRAINER_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "clip/base/parallel.h"
#include "clip/base/random.h"
#include "coop/steps/optimizer.h"

#include <stdbool.h>
#include <stddef.h>

/* What is trained. */
typedef struct {
    const char *name;  /* of the parameters, in messages and in a state file */
    float *parameters; /* (n_parameters): read and written */
    size_t n_parameters;
    int n_classes;        /* K */
    Pool *pool;           /* steps the optimiser, where it is worth it; the same bits. May be NULL */
    float *gradient;      /* (n_parameters): where loss puts it; NULL: anywhere */
    const Rng *generator; /* the orders of the epochs are drawn from a copy of it */
    const Spread *spread; /* NULL: all parameters are here. trainer_gather before these are read */

    /* Mean cross-entropy of a batch at the present parameters, and its gradient.
     *   images (B, E), as in TrainData   labels (B)   logits (B, K): room   gradient (n_parameters):
     * overwritten *n_correct counts the images whose label has the largest logit. */
    double (*loss)(void *model, const float *images, const int *labels, int B, float *logits, float *gradient,
                   int *n_correct);
    void *model;
} Trainee;

typedef enum { SCHEDULE_COSINE, SCHEDULE_CONSTANT, SCHEDULE_STEP } Schedule;
typedef enum { WARMUP_CONSTANT, WARMUP_LINEAR } Warmup;

/* How it is trained; in brackets what CoOp takes. */
typedef struct {
    OptimizerKind optimizer;      /* (SGD) */
    double lr, weight_decay;      /* (0.002, 5e-4) */
    double momentum;              /* SGD, RMSprop (0.9) */
    double beta1, beta2, epsilon; /* AdamW, Adam, AMSGrad, RAdam; epsilon of RMSprop */
    double alpha;                 /* RMSprop */
    int max_epoch, batch_size;    /* (by shots, 32) */
    Schedule lr_scheduler;        /* (cosine) */
    bool lr_by_step;              /* the cosine falls at every step; else at every epoch (false) */
    int warmup_epoch;             /* epochs at warmup_cons_lr (1) */
    double warmup_cons_lr;        /* (1e-5) */
    Warmup warmup_type;           /* (constant) */
    int step_epochs;              /* of the steps: after every so many epochs, where it is not 0, */
    const char *milestones;       /* and after each of so many: "30 60"; NULL: none */
    double gamma;                 /* what the rate is multiplied by at a step */
    bool shuffle;    /* a fresh order every epoch (Trainee.generator); else that of the list (true) */
    long max_steps;  /* where it is not 0, training ends after so many steps, in whichever epoch that is, and
                      * the cosine by step goes over these and down to lr_min; max_epoch is the epochs that
                      * they take (0) */
    double lr_min;   /* (0) */
    int epoch_steps; /* where it is not 0, an epoch ends after so many steps, though items are left (0) */
    bool keep_last;  /* the last batch counts though it is incomplete; else it is dropped, unless it is all
                      * that there is (false) */
} OptimConfig;

/* The learning rate of a step; epoch e and step s count from 1, n_steps S is per epoch. Up to warmup_epoch W
 * it is warmup_cons_lr (linear: lr (e - 1) / W from epoch 2 on), then lr (constant), lr gamma^n behind n
 * steps down, which are counted from the end of the warm-up, or lr/2 (1 + cos(pi x)), where x is (e - 1 - W)
 * / max_epoch or, by step, ((e - 1 - W) S + s - 1) / (max_epoch S). */
double optim_lr(const OptimConfig *optim, int epoch, int step, int n_steps);

/* Where images are made for each batch: images (B, E) of these items, for a step of an epoch, both from 1. */
typedef int (*LoadFn)(void *context, float *images, const int *items, int B, int epoch, int step, Error *err);

/* Told before a step is computed: what load will be asked for next. */
typedef void (*PrepareFn)(void *context, const int *items, int B, int epoch);

typedef struct {
    const float *features;     /* (n_views, n, E), unit length; epoch e uses view (e - 1) mod n_views */
    LoadFn load;               /* used where there are no features */
    PrepareFn prepare;         /* may be NULL */
    void *context;             /* of both */
    const int *labels;         /* (n) */
    int n, n_views, embed_dim; /* n, n_views >= 1 */
} TrainData;

/* What a run is between two steps; together with the parameters, all that a resumed run needs. */
typedef struct {
    int epoch;       /* epochs done */
    int elsewhere;   /* the first of them that another program has done */
    int step;        /* steps done of the next one */
    double loss;     /* mean of the last epoch that is done */
    double loss_sum; /* over the steps of the epoch under way, */
    long n_correct;  /* images of theirs that were labelled right */
    double seconds;  /* spent on it; the caller's to keep */
    Optimizer optimizer;
    bool checked; /* read from a file with a checksum (train_state.h): an earlier version wrote none */
} TrainState;

/* The state before the first step. The optimiser's buffers are owned by the arena: ask arena_failed. */
TrainState trainer_begin(const Trainee *trainee, const OptimConfig *optim, Arena *arena);

/* Before parameters or state are read between two steps, or after the last. */
void trainer_gather(const Trainee *trainee, const TrainState *state);

typedef struct {
    int epoch, n_steps;
    double lr;             /* of the last step */
    double loss, accuracy; /* means over the steps and over the images of the epoch */
} EpochReport;

/* Called after every epoch (may be NULL); a non-zero return stops the training with that state: trainer_run
 * returns 1. */
typedef int (*EpochFn)(void *context, const EpochReport *report, const TrainState *state);

/* Called after every step (may be NULL), and before the EpochFn after the last step of an epoch; epoch and
 * step count from 1. A non-zero return stops likewise. */
typedef int (*StepFn)(void *context, int epoch, int step, double lr, double loss, const TrainState *state);

int trainer_steps(const TrainData *data, const OptimConfig *optim);        /* per epoch */
long trainer_total_steps(const TrainData *data, const OptimConfig *optim); /* of the training */

/* Goes on, up to max_epoch, from a state that began with the same trainee and optim. Returns 0 when done, 1
 * when a callback stopped it, -1 with ERROR_RUN when a loss or, at the end of an epoch, a parameter is not
 * finite, or memory is missing. However often a run is stopped and resumed, the bits are those of a run in
 * one go. */
int trainer_run(const Trainee *trainee, const TrainData *data, const OptimConfig *optim, TrainState *state,
                EpochFn on_epoch, StepFn on_step, void *context, Error *err);

#endif
