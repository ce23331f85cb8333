/* result_files.h: the files that a finished point has left in its folder, with their checksums: whatever is
 * missing or damaged later, its point is not finished. */
#ifndef EXPERIMENTS_RESULTS_RESULT_FILES_H
#define EXPERIMENTS_RESULTS_RESULT_FILES_H

#include "experiments/results/result.h"

/* The names that files of a point may have (up to NULL): those that are noted, and log.txt. */
const char *const *result_file_names(void);

/* Notes the files of a point that are in its folder. */
int result_files_note(Result *result, const char *folder, Arena *arena, Error *err);

/* What is wrong with the first noted file that is not as it was, "PATH: missing" or "PATH: damaged: ...",
 * owned by the arena; NULL when all are, or none are noted (an earlier version noted none). output is the
 * folder of results.jsonl. Fails when memory is out, which is no fault of a file. */
int result_files_fault(const char **fault, const Result *result, const char *output, Arena *arena,
                       Error *err);

#endif
