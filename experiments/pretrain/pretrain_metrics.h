/* pretrain_metrics.h: the steps and evaluations of a pretraining on disk: metrics.jsonl, and the same for
 * TensorBoard.
 *
 * Layout of metrics.jsonl, with the check of checked_line.h at the end of each line:
 *     {"step": 1, "epoch": 1, "loss": 4.1, "lr": 1e-05, "logit_scale": 14.28, "pairs_per_second": 31.5}
 *     {"step": 9, "epoch": 1, "clip_val_loss": 3.2, "image_to_text_R@1": 0.1, ..., "zeroshot_top1": 0.5, ...}
 * Steps count from 1 over all epochs, epochs from 1. loss and logit_scale (e^s) are those that the gradient
 * was taken at. Names of an evaluation are OpenCLIP's; shares are between 0 and 1. All but pairs_per_second,
 * the last before the check, is the same in a run that was interrupted. The event file, made from the lines,
 * leaves that number out.
 */
#ifndef EXPERIMENTS_PRETRAIN_PRETRAIN_METRICS_H
#define EXPERIMENTS_PRETRAIN_PRETRAIN_METRICS_H

#include "clip/base/arena.h"
#include "experiments/ranking/recall.h"
#include "experiments/results/metrics.h"

typedef struct {
    long step;
    int epoch;
    double loss, lr, logit_scale, pairs_per_second;
} StepMetrics;

typedef struct {
    long step;
    int epoch;
    int n_val; /* pairs; 0: not evaluated */
    double val_loss;
    Recall to_text, to_image; /* images as queries, captions as queries; `within` is what OpenCLIP counts */
    int n_zeroshot;           /* images; 0: not evaluated */
    double top1, top5;
} Evaluation;

/* Opens both files to go on behind the first `size` bytes of metrics.jsonl; whatever follows is cut off. If
 * these are not there and intact, nothing is changed. Caller calls metrics_close. */
int pretrain_metrics_open(MetricsWriter *metrics, const char *folder, long size, Arena *arena, Error *err);
void pretrain_metrics_step(MetricsWriter *metrics, const StepMetrics *step);
void pretrain_metrics_evaluation(MetricsWriter *metrics, const Evaluation *evaluation);
/* Returns when all is on disk; *size is that of metrics.jsonl. */
int pretrain_metrics_sync(MetricsWriter *metrics, long *size, Error *err);

typedef struct {
    StepMetrics *steps; /* (n_steps) */
    Evaluation *evaluations;
    int n_steps, n_evaluations;
} MetricsHistory;

/* The lines in the first `size` bytes of a metrics.jsonl, owned by the arena. A bad line is an error that
 * names it, as is a file that ends before. */
int pretrain_metrics_read(MetricsHistory *history, const char *path, long size, Arena *arena, Error *err);

/* All whole lines that are good. A torn last line is left out, as is every bad one, and the whole of a file
 * that cannot be read: what is first found bad is named in *damage (owned by the arena, else NULL). */
int pretrain_metrics_salvage(MetricsHistory *history, const char *path, const char **damage, Arena *arena,
                             Error *err);

#endif
