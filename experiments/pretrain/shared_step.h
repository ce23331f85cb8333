/* shared_step.h: a step whose pairs fall into parts, and the ranks that share it.
 *
 * A step's accum_freq batches fall into optim.parts parts of successive ones. Part p is that of rank p modulo
 * the number of ranks, which alone reads its pairs:
 *
 *     each rank   reads and encodes its batches; all get all features
 *     each part   its rows and columns of the logits alone (OpenCLIP's local loss); all get their sums
 *     each round  a part of each rank: its gradient, from zero; owners add them (shares.h)
 *     then        owners step what they own, and all get all weights
 *
 * Features and gradients of a part follow from the part alone, and are added in the order of the parts. So
 * any number of ranks up to that of the parts leaves the same bits, one included. The number of parts is part
 * of the result: another one rounds otherwise.
 *
 * Batch norms see each batch by itself, and their running statistics move once for each of a step's batches,
 * in their order, on all ranks. (Without parts, batches that are encoded twice move them twice, as in
 * OpenCLIP; OpenCLIP's ranks each move their own, and those of the first are saved.)
 *
 * What stops one rank stops the step in all: they agree before the loss, before each round and before the
 * weights change.
 */
#ifndef EXPERIMENTS_PRETRAIN_SHARED_STEP_H
#define EXPERIMENTS_PRETRAIN_SHARED_STEP_H

#include "clip/train/contrastive_parts.h"
#include "datasets/pairs/pair_loader.h"
#include "experiments/pretrain/broken_pairs.h"
#include "experiments/pretrain/pretrain_metrics.h"
#include "experiments/pretrain/pretrain_session.h"
#include "experiments/pretrain/pretrain_state.h"
#include "experiments/pretrain/reports.h"
#include "experiments/shares/shares.h"

typedef struct {
    const PretrainSession *session;
    int per_part; /* batches */
    Shares shares;
    Reports reports;
    ContrastiveParts loss;
    size_t n_statistics; /* numbers of a batch's; 0: none move */
    float *statistics;   /* (accum_freq, n_statistics) what each batch would leave of zeros */
} SharedStep;

int shared_step_open(SharedStep *shared, const PretrainSession *session, BrokenPairs *broken, Arena *arena,
                     Error *err);
void shared_step_close(SharedStep *shared);

/* What a rank brings along. */
typedef struct {
    ContrastiveTrainer *trainer;
    ParameterOptimizer *optimizer;
    const PairBatch *batches; /* (n) those of its first part first */
    int n;
    float *running; /* statistics before the step */
    double lr;
    int status; /* of loading the batches; its report is begun */
} SharedWork;

/* *ended, or an error, on all ranks alike; rank 0 knows why. Then nothing is changed. */
int shared_step_take(SharedStep *shared, const SharedWork *work, double *loss, bool *ended, Error *err);

/* Bytes that all ranks together send in a step. */
double shared_step_bytes(const SharedStep *shared);

#endif
