/* outcome.h: what came out of an evaluation, as lines of results.jsonl, which `coop report` reads. */
#ifndef EXPERIMENTS_RETRIEVE_OUTCOME_H
#define EXPERIMENTS_RETRIEVE_OUTCOME_H

#include "coop/loaded_model.h"

/* One number. */
typedef struct {
    const char *label; /* of its row: "image to text R@1" */
    double percent;
    int n;                         /* of how many queries, pairs or questions */
    double mean_rank, median_rank; /* of a direction; NaN: none */
    bool is_detail;                /* one of so many that it stands in JSON alone */
} Measure;

/* What was evaluated. */
typedef struct {
    const char *method;  /* "retrieve", "match", "ask" */
    const char *dataset; /* its name in tables */
    char digest[65];     /* of all that the numbers depend on beside the model: lists, texts, templates */
} Subject;

/* Appends the measures (n) of a model to FOLDER/results.jsonl, in place of those that the same evaluation
 * left before, and writes results.csv anew. A measure without a percentage (NaN) is left out, and so are
 * details. */
int outcome_write(const char *folder, const Subject *subject, LoadedModel *model, const Measure *measures,
                  int n, Error *err);

/* Makes the folder, and fails where results cannot be left there: better before the work than behind it. NULL
 * is fine: there will be none. */
int outcome_check(const char *folder, Error *err);

#endif
