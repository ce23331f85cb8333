/* evaluate.h: a model is tested on the test or the validation images, and what comes out is told. */
#ifndef EXPERIMENTS_ORIGINAL_EVALUATE_H
#define EXPERIMENTS_ORIGINAL_EVALUATE_H

#include "experiments/original/log.h"
#include "experiments/original/model_file.h"
#include "experiments/original/settings.h"

#include <stdio.h>

typedef struct {
    Log *log;
    const Settings *settings;
    const Point *point;
    const char *split; /* "test" or "val" */
    Session *session;  /* that learned it */
    Session images; /* the same with the images to test on in the place of the test images, and encoded: its
                     * caches may be gone */
    const char *scratch; /* a folder for files that are gone afterwards */
} Evaluation;

/* On the images of a split; those of the test where the dataset has no others for validation. The session has
 * its model, and lives as long. */
int evaluation_open(Evaluation *evaluation, Log *log, const Settings *settings, Session *session,
                    const Point *point, const char *split, const char *scratch, Arena *arena, Error *err);

typedef struct {
    double accuracy, macro_f1;
    const double *per_class; /* (K) percent, NaN for a class without images; NULL: not known */
} Outcome;

/* Tells "=> result" of a model, or of the point's hand-written prompts (NULL), and writes cmat.pt where the
 * config asks for it. The outcome is owned by the arena. */
int evaluation_run(Outcome *outcome, Evaluation *evaluation, const ModelFile *model, Arena *arena,
                   Error *err);

/* "val/accuracy" and so on, after so many epochs. */
void evaluation_events(FILE *events, const char *split, int epoch, const Outcome *outcome,
                       const Settings *settings, int n_classes);

#endif
