/* score_table.h: what came of sets of cases with several checkpoints, side by side. */
#ifndef EXPERIMENTS_RETRIEVE_SCORE_TABLE_H
#define EXPERIMENTS_RETRIEVE_SCORE_TABLE_H

#include "clip/base/json.h"
#include "experiments/retrieve/outcome.h"

/* The measures of one set with one checkpoint; start with the dataset alone. */
typedef struct {
    const char *dataset;
    Measure *measures; /* (n) */
    int n, capacity;
} ScoreList;

/* The measure of this label, which is new (0 of 0) when there is none; NULL when memory is out. The label is
 * borrowed. */
Measure *score_at(ScoreList *list, const char *label, Arena *arena);

/* A row for each measure but the details, a column for each checkpoint: lists (n_sets, n_models), of the same
 * measures in each row. */
void score_table_print(const ScoreList *lists, int n_sets, const char *const *models, int n_models,
                       Arena *arena);

/* {"model", "dataset", "scores": {LABEL: {"percent", "n"}}} on a line, with the members of `more`, which is
 * taken over and may be NULL. The caller has called json_begin. */
int score_list_print_json(const ScoreList *list, const char *model, json_t *more, Error *err);

#endif
