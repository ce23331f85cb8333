/* lock.h: keeps two runs off one output folder. */
#ifndef EXPERIMENTS_RUN_LOCK_H
#define EXPERIMENTS_RUN_LOCK_H

#include "clip/base/error.h"

#include <stdbool.h>

typedef struct Lock Lock;

/* ERROR_RUN when another process holds the folder. With create false nothing is written: *lock is NULL when
 * no run has been there yet, or the folder is not there. The kernel drops the lock of a process that dies. */
int lock_take(Lock **lock, const char *folder, bool create, Error *err);
void lock_release(Lock *lock); /* NULL is fine */

#endif
