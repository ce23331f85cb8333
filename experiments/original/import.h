/* import.h: result trees of the original code as results of ours. */
#ifndef EXPERIMENTS_ORIGINAL_IMPORT_H
#define EXPERIMENTS_ORIGINAL_IMPORT_H

#include "clip/base/arena.h"
#include "clip/base/error.h"

typedef struct {
    int n_imported, n_known; /* results that are new, and those that were there */
    int n_left_out;          /* logs, each named on stderr with the reason */
} Imported;

/* Puts the result of each log.txt below `folder` into OUT/results.jsonl. Folders that `coop train` has left
 * within its own are passed over. */
int import_logs(Imported *imported, const char *folder, const char *out, Arena *arena, Error *err);

#endif
