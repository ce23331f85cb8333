/* result_columns.h: a result as a line of JSON and of CSV, from one table of columns. */
#ifndef EXPERIMENTS_RESULTS_RESULT_COLUMNS_H
#define EXPERIMENTS_RESULTS_RESULT_COLUMNS_H

#include "clip/base/files.h"
#include "experiments/results/result.h"

#include <jansson.h>

/* Numbers that are missing are null, as are strings. The caller calls json_decref; NULL when memory is out.
 */
json_t *result_json(const Result *result);

/* The other way round; texts are owned by the arena. -1 when the object is no result; missing memory shows in
 * the arena. */
int result_from_json(Result *result, const json_t *json, Arena *arena);

/* The line of names, and that of a result: no per-class numbers, no configuration; what is missing is empty.
 */
void result_csv_names(FileWriter *writer);
void result_csv(FileWriter *writer, const Result *result);

#endif
