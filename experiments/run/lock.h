/* lock.h: keeps two runs out of one output folder. */
#ifndef EXPERIMENTS_RUN_LOCK_H
#define EXPERIMENTS_RUN_LOCK_H

#include "clip/base/error.h"

#include <stdbool.h>

typedef struct Lock Lock;

/* ERROR_RUN when another process holds the folder. With create false nothing is written, and *lock is NULL if
 * the folder does not exist or no run has used it yet. The kernel drops the lock of a process that dies.
 * Where the file system knows no locks a note says so. */
int lock_take(Lock **lock, const char *folder, bool create, Error *err);
void lock_release(Lock *lock); /* NULL is fine */

#endif
