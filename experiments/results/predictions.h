/* predictions.h: what a point predicts for every test image: predictions.csv in its folder.
 *
 * Layout: the columns path, label, class, predicted, predicted_class, confidence; a row per test image in the
 * order of the dataset. label and predicted count classes from 0, class and predicted_class are their names,
 * confidence is the probability of the predicted class, 0 to 1. A path is that of the image as the experiment
 * names it: relative to the working directory unless it is absolute there.
 */
#ifndef EXPERIMENTS_RESULTS_PREDICTIONS_H
#define EXPERIMENTS_RESULTS_PREDICTIONS_H

#include "clip/base/arena.h"
#include "clip/base/error.h"
#include "datasets/lists/dataset.h"

#define PREDICTIONS_FILE "predictions.csv"

/* Written atomically, the same bytes for the same logits (n_test, K); predicted (n_test) is their argmax. */
int predictions_write(const char *path, const float *logits, const int *predicted, const Dataset *dataset,
                      Arena *arena, Error *err);

typedef struct {
    const char *path;
    int label, predicted;
    double confidence;
} Prediction;

typedef struct {
    Prediction *items; /* (n) */
    int n, n_classes;
    const char **class_names; /* (K); "class 7" where no row names it */
} Predictions;

/* Everything is owned by the arena. Labels are checked against n_classes. */
int predictions_read(Predictions *predictions, const char *path, int n_classes, Arena *arena, Error *err);

#endif
