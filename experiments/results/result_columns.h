/* result_columns.h: a result as a line of JSON and of CSV, from one table of columns. */
#ifndef EXPERIMENTS_RESULTS_RESULT_COLUMNS_H
#define EXPERIMENTS_RESULTS_RESULT_COLUMNS_H

#include "clip/base/files.h"
#include "experiments/results/result.h"

#include <jansson.h>

/* Missing numbers and strings become null. The caller calls json_decref; NULL when memory is out. */
json_t *result_json(const Result *result);

/* The other way round; texts are owned by the arena. -1 when the object is not a result; missing memory shows
 * in the arena. */
int result_from_json(Result *result, const json_t *json, Arena *arena);

/* The line of column names, and the line of a result, which leaves out per-class numbers and the
 * configuration. */
void result_csv_names(FileWriter *writer);
void result_csv(FileWriter *writer, const Result *result);

#endif
