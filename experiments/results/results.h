/* results.h: what came out of each point: results.jsonl, and results.csv made from it.
 *
 * Layout of results.jsonl: one JSON object and a newline per finished point, appended by one write and
 * synced, so a crash can tear the last line only, which the next append cuts off. A line ends in a check of
 * itself (checked_line.h); `files` has the checksums of what the point has left (result_files.h). Of two
 * lines with the same key the later counts. Lines are in the order in which points finished; when a run ends,
 * its own lines are put into the order of its points, and replaced or damaged ones go. A dataset may change
 * under its name: its last line says what it is, and lines with another split_digest are kept, but set aside:
 * no table, page or CSV has them. Accuracies are in
 * percent, in the files and here. Numbers that a method does not have are NaN here, null in the JSON and
 * empty in the CSV. num_shots is a number or "all"; 0 is a method without training.
 */
#ifndef EXPERIMENTS_RESULTS_RESULTS_H
#define EXPERIMENTS_RESULTS_RESULTS_H

#include "clip/base/error.h"
#include "clip/base/text_map.h"
#include "experiments/results/result.h"

typedef struct {
    Result *results; /* (n), in the order of the file, one per key */
    int n;
    TextMap places;      /* of the keys */
    const char **faults; /* (n_faults) "PATH: line 3: damaged: ...": lines that are no results */
    int n_faults;
    int n_replaced; /* lines that later ones of the same key replace */
    int n_aside;    /* results that are set aside */
} ResultList;

/* Appends one line to FOLDER/results.jsonl. Safe against other processes and threads that append. */
int result_append(const char *folder, const Result *result, Error *err);

/* All results of FOLDER/results.jsonl, owned by the arena; none when the file is not there. Lines that
 * are damaged or cut short are among the faults: their points count as not finished. */
int results_read(ResultList *list, const char *folder, Arena *arena, Error *err);

/* NULL when absent; borrowed from the list. */
const Result *results_find(const ResultList *list, const char *key);

/* Puts the results of these keys (n) into their order, each into a place of one of them. Others stay where
 * they are, but those that are set aside go to the front. *moved tells whether any was elsewhere.
 * Fails when memory is missing. */
int results_order(ResultList *list, const char *const *keys, int n, bool *moved, Error *err);

/* Rewrites FOLDER/results.jsonl atomically with what results_read found, in the order of the list. Whatever
 * others append meanwhile is lost, so call it only under the lock of the folder (run/lock.h). */
int results_rewrite(const char *folder, const ResultList *list, Error *err);

#define RESULTS_CSV "results.csv"

/* What is set aside in FOLDER, as one line; NULL when nothing is, or memory is out. Owned by the arena. */
const char *results_aside(const ResultList *list, const char *folder, Arena *arena);

/* Writes FOLDER/results.csv (RFC 4180, a header line, no per-class numbers, nothing that is set aside),
 * atomically. */
int results_write_csv(const char *folder, const ResultList *list, Error *err);

#endif
