/* metrics.h: the epochs of a training on disk: metrics.jsonl, and the same for TensorBoard.
 *
 * Layout of metrics.jsonl: a line per epoch, {"epoch": 1, "lr": 1e-05, "loss": 0.756, "accuracy": 81.77,
 * "check": "1f2e3d4c"} (checked_line.h): the rate of the epoch, and the means over its batches of loss and of
 * training accuracy in percent. Beside it lies an event file (tensorboard.h) with the same numbers, made from
 * the lines.
 */
#ifndef EXPERIMENTS_RESULTS_METRICS_H
#define EXPERIMENTS_RESULTS_METRICS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "coop/trainer.h"

#include <stdbool.h>
#include <stdio.h>

#define METRICS_FILE "metrics.jsonl"

/* Zeroed before it is opened. */
typedef struct {
    const char *path, *events_path; /* borrowed from the arena */
    FILE *lines, *events;
    bool failed; /* memory ran out */
} MetricsWriter;

/* What any metrics.jsonl with its event file shares. metrics_name finds where they are; metrics_begin opens
 * both, to go on behind the lines that are there and with a new event file, and may be followed by the events
 * of these lines; metrics_sync returns when all that was added is on disk. */
int metrics_name(MetricsWriter *writer, const char *folder, Arena *arena, Error *err);
int metrics_begin(MetricsWriter *writer, Error *err);
int metrics_sync(MetricsWriter *writer, Error *err);
void metrics_close(MetricsWriter *writer); /* zeroed is fine */

/* Opens both files of a run to continue after the first n_epochs, of which n_elsewhere were done by another
 * program and have no lines; whatever follows is cut off. If the lines are not all there and intact, nothing
 * is changed. */
int metrics_open(MetricsWriter *writer, const char *folder, int n_elsewhere, int n_epochs, Arena *arena,
                 Error *err);
void metrics_add(MetricsWriter *writer, const EpochReport *report);

typedef struct {
    int epoch;
    double lr, loss, accuracy; /* percent */
} EpochMetrics;

typedef struct {
    EpochMetrics *epochs; /* (n) */
    int n;
} MetricsList;

/* The epochs of a metrics.jsonl, owned by the arena. A torn last line is left out; another bad line is an
 * error that names it. */
int metrics_read(MetricsList *list, const char *path, Arena *arena, Error *err);

#endif
